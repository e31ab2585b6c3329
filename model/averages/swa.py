"""Stochastic weight averaging, the mean of the weights at the ends of epochs: Izmailov et al. 2018, algorithm 1."""

from typing import Annotated

from model.registry import Bounds


def share(step: int, steps_per_epoch: int, *, first: Annotated[int, Bounds(1)] = 1) -> float:
    """1/n at the end of the n-th epoch from epoch `first` on, counted from 1; before, the weights as they are."""
    epoch, rest = divmod(step + 1, steps_per_epoch)
    return 0.0 if rest else 1 / max(1, epoch - first + 1)
