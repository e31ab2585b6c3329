"""The two-level bootstrap: examples are resampled, and seeds drawn anew (Sellam et al. 2022, the Multi-Bootstrap).

Two or three seeds cannot be resampled: three of two seeds' four resamples are the same two scores, and their variance
is (n - 1) / n of what it should be. The level of the seeds is therefore parametric, drawn from `infer_seed_sd`.

Shape suffixes: N examples, S runs (seeds of any number of rows), B resamples.
"""

import numpy as np

from pipeline.statistics.seeds import SD_G

NUM_RESAMPLES = 2000
NUM_AT_ONCE = 100  # resamples whose weights are in memory together
LEVEL = 0.95


def resample_scores(
    metric: str, labels_N: np.ndarray, predictions_SN: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """scores_BS: every run's score on the same `NUM_RESAMPLES` resamples of the examples."""
    num_examples = len(labels_N)
    if metric == "accuracy":
        moments_NM = (predictions_SN == labels_N).T.astype(np.float32)  # counts below 2**24 are exact
    else:
        y_N = labels_N - labels_N.mean()
        x_SN = predictions_SN - predictions_SN.mean(axis=1, keepdims=True)
        moments_NM = np.vstack([y_N, y_N**2, x_SN, x_SN**2, x_SN * y_N]).T
    scores_BS = []
    for start in range(0, NUM_RESAMPLES, NUM_AT_ONCE):
        size = min(NUM_AT_ONCE, NUM_RESAMPLES - start)
        weights_BN = np.stack([
            np.bincount(rng.integers(num_examples, size=num_examples), minlength=num_examples) for _ in range(size)
        ])  # fmt: skip
        means_BM = weights_BN.astype(moments_NM.dtype) @ moments_NM / num_examples
        scores_BS.append(means_BM if metric == "accuracy" else _correlations(means_BM, len(predictions_SN)))
    return np.concatenate(scores_BS).astype(np.float64)


def _correlations(means_BM: np.ndarray, num_runs: int) -> np.ndarray:
    """Pearson's correlations from weighted moments; 0 where a side is constant, as in pipeline.evaluation.metrics."""
    y_B1, yy_B1, x_BS, xx_BS, xy_BS = np.split(means_BM, [1, 2, 2 + num_runs, 2 + 2 * num_runs], axis=1)
    variance_BS, y_variance_B1 = xx_BS - x_BS**2, yy_B1 - y_B1**2
    constant_BS = (variance_BS <= 1e-12 * np.maximum(1.0, xx_BS)) | (y_variance_B1 <= 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(constant_BS, 0.0, (xy_BS - x_BS * y_B1) / np.sqrt(variance_BS * y_variance_B1))


def draw_seed_noise(weights_G: np.ndarray, num_seeds: int, rng: np.random.Generator) -> np.ndarray:
    """noise_B: how far the mean of so many new seeds lies from the row's true mean."""
    sd_B = rng.choice(SD_G, size=NUM_RESAMPLES, p=weights_G / weights_G.sum())
    return sd_B / np.sqrt(num_seeds) * rng.standard_normal(NUM_RESAMPLES)


def percentile_interval(values_B: np.ndarray) -> tuple[float, float]:
    """The interval that holds `LEVEL` of the resampled values."""
    low, high = np.quantile(values_B, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
