"""Which examples a step takes: a pure function of (seed, leg, epoch, task), so that resuming needs the step alone."""

import numpy as np

from pipeline.files.digest import derive_seed

# The course's seed. What is drawn with it is the same for every seed of a row: a capped training set, the examples
# of the per-epoch curves.
FIXED_SEED = 11711


def choose(purpose: str, num_examples: int, limit: int | None) -> np.ndarray:
    """Sorted indices of at most `limit` examples (None: all), the same for every run."""
    if limit is None or limit >= num_examples:
        return np.arange(num_examples)
    return np.sort(_permutation(num_examples, FIXED_SEED, purpose)[:limit])


def epoch_batches(
    indices: np.ndarray, batch_size: int, epoch_size: int, *, seed: int, leg: int, epoch: int, task: str
) -> list[np.ndarray]:
    """One epoch's batches of `indices`, shuffled; a smaller set is repeated, reshuffled, to `epoch_size` examples.

    Paper, section 3: the smaller sets are repeated to match the largest, of which an epoch is one pass. So tasks with
    the same `epoch_size` have the same number of batches, the last of which may be smaller.
    """
    num_passes = -(-epoch_size // len(indices))
    passes = [_permutation(len(indices), seed, "order", leg, epoch, task, number) for number in range(num_passes)]
    order = indices[np.concatenate(passes)[:epoch_size]]
    return [order[start : start + batch_size] for start in range(0, epoch_size, batch_size)]


def _permutation(size: int, *parts: int | str) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(derive_seed(*parts))).permutation(size)
