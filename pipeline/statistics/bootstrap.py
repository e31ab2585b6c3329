"""The two-level bootstrap: examples are resampled, and seeds drawn anew (Sellam et al. 2022, the Multi-Bootstrap).

Two or three seeds cannot be resampled: their resamples repeat few distinct sets of scores, with a variance that is
(n - 1) / n of what it should be. The level of the seeds is therefore parametric, drawn from `infer_seed_sd`.

Shape suffixes: N examples, S runs (seeds of any number of rows), B resamples.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from pipeline.evaluation.metrics import METRICS

NUM_RESAMPLES = 2000
NUM_AT_ONCE = 100  # resamples whose weights are in memory together
LEVEL = 0.95


def resample_scores(
    metric: str, labels_N: np.ndarray, predictions_SN: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """scores_BS: every run's score on the same `NUM_RESAMPLES` resamples of the examples."""
    num_examples = len(labels_N)
    resample = getattr(METRICS[metric], "resample", partial(_resample_one_by_one, METRICS[metric].score))
    scores_BS = []
    for start in range(0, NUM_RESAMPLES, NUM_AT_ONCE):
        size = min(NUM_AT_ONCE, NUM_RESAMPLES - start)
        weights_BN = np.stack([
            np.bincount(rng.integers(num_examples, size=num_examples), minlength=num_examples) for _ in range(size)
        ])  # fmt: skip
        scores_BS.append(resample(labels_N, predictions_SN, weights_BN))
    return np.concatenate(scores_BS).astype(np.float64)


def _resample_one_by_one(
    score: Callable[[np.ndarray, np.ndarray], float],
    labels_N: np.ndarray,
    predictions_SN: np.ndarray,
    weights_BN: np.ndarray,
) -> np.ndarray:
    """scores_BS of a metric that has no way of its own."""
    drawn_BN = [np.repeat(np.arange(len(labels_N)), weights_N) for weights_N in weights_BN]
    return np.array([[score(labels_N[drawn_N], row_N[drawn_N]) for row_N in predictions_SN] for drawn_N in drawn_BN])


def draw_seed_noise(variances_K: np.ndarray, weights_K: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """noise_B: how far a mean over new seeds lies from the truth; its variance is a weighted sum of estimates."""
    variances_B = rng.choice(variances_K, size=NUM_RESAMPLES, p=weights_K / weights_K.sum())
    return np.sqrt(variances_B) * rng.standard_normal(NUM_RESAMPLES)


def percentile_interval(values_B: np.ndarray) -> tuple[float, float]:
    """The interval that holds `LEVEL` of the resampled values."""
    low, high = np.quantile(values_B, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
