"""Where a model computes, which the environment says since it changes speed alone, and in which precision."""

import os

import torch

# What `train.precision` may say, and the type in which the encoder's layers compute; None is that of its parameters.
PRECISIONS = {"fp32": None, "bf16": torch.bfloat16}


def choose_device() -> torch.device:
    """BERTY_DEVICE (cpu, cuda, cuda:1), else the first GPU, else the CPU; BERTY_THREADS bounds the CPU's threads."""
    if threads := os.environ.get("BERTY_THREADS"):
        if not threads.isdigit() or int(threads) < 1:
            raise ValueError(f"BERTY_THREADS is {threads!r}; allowed: a number of threads")
        torch.set_num_threads(int(threads))
    name = os.environ.get("BERTY_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if torch.device(name).type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"BERTY_DEVICE is {name!r}, but torch sees no GPU")
    return torch.device(name)


def choose_dtype(precision: str) -> torch.dtype | None:
    """The type that a precision stands for."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
    return PRECISIONS[precision]
