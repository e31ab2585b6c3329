"""`repeat` with at most so many tokens of each task in a step, in place of a number of examples."""

from typing import Annotated

import numpy as np

from model.registry import Bounds
from pipeline.training.batches import pass_through

# Shape suffixes: n examples.


def mix(
    num_examples: dict[str, int],
    batch_size: int,
    *,
    seed: int,
    leg: int,
    epoch: int,
    lengths: dict[str, np.ndarray],
    tokens: Annotated[int, Bounds(1)] = 1024,
) -> list[dict[str, np.ndarray]]:
    """Every step trains every task, on the next examples of at most `tokens` tokens, or one that is longer.

    A set is reshuffled each time it begins anew. Every epoch has as many steps as one pass through each set takes in
    the first: in a later one some examples may be left over, or come twice.
    """

    def order(task: str, number: int, num_passes: int) -> np.ndarray:
        size = num_examples[task]
        return pass_through(size, 0, num_passes * size, seed, "order", leg, number, task)

    num_steps = max(len(_cut(order(task, 0, 1), lengths[task], tokens)) for task in num_examples)
    batches = {}
    for task in num_examples:
        most = num_steps * max(tokens, int(lengths[task].max()))  # tokens, so that there are batches enough
        num_passes = -(-most // int(lengths[task].sum()))
        batches[task] = _cut(order(task, epoch, num_passes), lengths[task], tokens)
    return [{task: batches[task][step] for task in batches} for step in range(num_steps)]


def _cut(order: np.ndarray, lengths_n: np.ndarray, tokens: int) -> list[np.ndarray]:
    """Examples in this order as batches, each ended by the example that would not fit."""
    ends = np.cumsum(lengths_n[order])
    batches, start, taken = [], 0, 0
    while start < len(order):
        stop = max(int(np.searchsorted(ends, taken + tokens, side="right")), start + 1)
        batches.append(order[start:stop])
        start, taken = stop, int(ends[stop - 1])
    return batches
