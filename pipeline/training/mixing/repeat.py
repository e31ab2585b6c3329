"""The paper's way (section 3): smaller sets are repeated to match the largest, of which an epoch is one pass."""

import numpy as np

from pipeline.training.batches import permute


def mix(
    num_examples: dict[str, int], batch_size: int, *, seed: int, leg: int, epoch: int
) -> list[dict[str, np.ndarray]]:
    """Every step trains every task; a set is reshuffled each time it begins anew. The last step may be smaller."""
    epoch_size = max(num_examples.values())
    orders = {}
    for task, size in num_examples.items():
        num_passes = -(-epoch_size // size)
        passes = [permute(size, seed, "order", leg, epoch, task, number) for number in range(num_passes)]
        orders[task] = np.concatenate(passes)[:epoch_size]
    starts = range(0, epoch_size, batch_size)
    return [{task: order[start : start + batch_size] for task, order in orders.items()} for start in starts]
