"""Where a model runs. It changes speed, not what is computed: it stands in the environment, not in a run file."""

import os

import torch


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
