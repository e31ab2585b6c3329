"""A linear warm-up, then half a cosine: Loshchilov and Hutter 2017, equation 5, without restarts."""

import math
from typing import Annotated

from model.registry import Bounds
from model.schedules._warmup import rise_and_fall


def factor(
    step: int,
    num_steps: int,
    *,
    warmup: Annotated[float, Bounds(0, 1)] = 0.1,
    final: Annotated[float, Bounds(0)] = 0.0,
) -> float:
    """Up to 1 over the fraction `warmup` of the leg's steps, then down to `final`; no step is at 0."""
    return rise_and_fall(step, num_steps, warmup, final, lambda progress: (1 + math.cos(math.pi * progress)) / 2)
