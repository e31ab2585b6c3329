"""The paper's way (section 3): smaller sets are repeated to match the largest, of which an epoch is one pass."""

from typing import Annotated

import numpy as np

from model.registry import Bounds
from pipeline.training.batches import pass_through


def mix(
    num_examples: dict[str, int],
    batch_size: int,
    *,
    seed: int,
    leg: int,
    epoch: int,
    steps: Annotated[int, Bounds(0)] = 0,
) -> list[dict[str, np.ndarray]]:
    """Every step trains every task; a set is reshuffled each time it begins anew. The last step may be smaller.

    With `steps` an epoch is so many full steps, and every set goes on where the last epoch left it.
    """
    if steps:
        size, begin, place = steps * batch_size, epoch * steps * batch_size, ("on", leg)
    else:
        size, begin, place = max(num_examples.values()), 0, ("order", leg, epoch)
    orders = {task: pass_through(n, begin, begin + size, seed, *place, task) for task, n in num_examples.items()}
    starts = range(0, size, batch_size)
    return [{task: order[start : start + batch_size] for task, order in orders.items()} for start in starts]
