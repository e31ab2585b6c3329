"""Where a model computes, which the environment says since it changes speed alone, and in which precision."""

import os
import platform
import sys

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
    """The type that a precision stands for; says so where the hardware lacks it, since every product then crawls."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is not one of {', '.join(PRECISIONS)}")
    device = choose_device()
    if precision == "bf16" and not has_bf16(device):
        print(
            f"warning: {device} ({platform.machine()}) has no hardware for bf16 and will be slow: "
            "precision: fp32 in params.yaml is faster here, with results of its own",
            file=sys.stderr,
        )
    return PRECISIONS[precision]


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine() in ("x86_64", "AMD64"):  # oneDNN's own answer is yes wherever it can emulate it
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
