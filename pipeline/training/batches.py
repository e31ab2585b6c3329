"""Draws of examples, each a pure function of what it is for, so that resuming needs the step alone."""

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


def permute(size: int, *parts: int | str) -> np.ndarray:
    """The numbers from 0 to size - 1 in an order that depends on `parts` alone."""
    return np.random.Generator(np.random.PCG64(derive_seed(*parts))).permutation(size)
