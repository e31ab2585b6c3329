"""A process that ends when the one that started it does."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that this process gets when its parent ends


def end_with_parent() -> None:
    """Get SIGTERM when the process that started this one ends, however it does; without Linux, nothing."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the process that started this one is gone")
