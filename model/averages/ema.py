"""An exponential moving average over the steps: Polyak and Juditsky 1992; Tarvainen and Valpola 2017, section 3."""

from typing import Annotated

from model.registry import Bounds


def share(step: int, steps_per_epoch: int, *, decay: Annotated[float, Bounds(0, 1)] = 0.999) -> float:
    """1 - decay; of the first 1 / (1 - decay) steps the average is the mean, so that a short leg's is not its start."""
    return max(1 - decay, 1 / (step + 1))
