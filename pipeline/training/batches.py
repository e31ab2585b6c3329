"""Draws of examples, each a pure function of what it is for, so that resuming needs the step alone.

What a row is called is no part of it: rows of a seed see the same examples in the same order where they can.
"""

import numpy as np

from pipeline.files.digest import derive_seed

# The course's seed. What is drawn with it is the same for every seed of a row: a capped training set, the examples
# of the per-epoch curves.
FIXED_SEED = 11711


def choose(purpose: str, num_examples: int, limit: int | None) -> np.ndarray:
    """Sorted indices of at most `limit` examples (None: all), the same for every run."""
    if limit is None or limit >= num_examples:
        return np.arange(num_examples)
    return np.sort(permute(num_examples, FIXED_SEED, purpose)[:limit])


def hold_out(
    purpose: str, num_examples: int, limit: int | None, fraction: float | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted indices of the examples to train on, at most `limit`, and of those to choose an epoch by.

    The second are as many as `fraction` of the first (None: none), drawn by `seed`. Where the limit leaves enough
    examples out they are from those and cost nothing; else they are taken from the first. At least one of each is left.
    """
    used = choose(f"train {purpose}", num_examples, limit)
    if fraction is None:
        return used, used[:0]
    size = max(1, round(fraction * len(used)))
    left_out = np.setdiff1d(np.arange(num_examples), used)
    pool = left_out if len(left_out) >= size else used
    held_out = np.sort(pool[permute(len(pool), seed, "selection", purpose)[:size]])
    used = np.setdiff1d(used, held_out)
    if not len(used):
        raise ValueError(f"{purpose}: {num_examples} training examples, none is left to train on")
    return used, held_out


def pass_through(size: int, begin: int, end: int, *parts: int | str) -> np.ndarray:
    """Numbers `begin` to `end` - 1 of an endless row: passes through 0 to size - 1, each in an order of its own."""
    first, last = begin // size, -(-end // size)
    passes = [permute(size, *parts, number) for number in range(first, last)]
    return np.concatenate([np.empty(0, int), *passes])[begin - first * size : end - first * size]


def permute(size: int, *parts: int | str) -> np.ndarray:
    """The numbers from 0 to size - 1 in an order that depends on `parts` alone."""
    return np.random.Generator(np.random.PCG64(derive_seed(*parts))).permutation(size)
