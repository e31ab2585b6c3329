"""A rise from 0 to 1, then a fall: the frame of the schedules with a warm-up (Goyal et al. 2017, section 2.2)."""

from collections.abc import Callable


def rise_and_fall(step: int, num_steps: int, warmup: float, final: float, fall: Callable[[float], float]) -> float:
    """A line from 0 to 1 over the first `warmup` of the steps, then from 1 to `final` as `fall` goes from 1 to 0.

    0 would be the factor of the step before the first and `final` that of the step after the last: no step is spent at
    a factor of 0. The warm-up has one step at least, and reaches 1 at its last.
    """
    num_rising = max(1, round(warmup * num_steps))
    if step < num_rising:
        return (step + 1) / num_rising
    return final + (1 - final) * fall((step + 1 - num_rising) / (num_steps + 1 - num_rising))
