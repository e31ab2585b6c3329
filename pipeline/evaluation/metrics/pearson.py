"""Pearson's correlation of labels and predictions; 0 where either side is constant, since it is undefined there."""

import numpy as np

from pipeline.evaluation.metrics import is_constant

LABEL = "Pearson"
LABELS = "scores"


def score(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The correlation by scipy."""
    from scipy.stats import pearsonr  # half a second to import, and most runs do not need it

    if is_constant(labels_N) or is_constant(predictions_N):
        return 0.0
    return float(pearsonr(np.asarray(labels_N, np.float64), np.asarray(predictions_N, np.float64)).statistic)


def parts(labels_N: np.ndarray, predictions_N: np.ndarray, score: float) -> np.ndarray:
    """The score plus its influence function; constant predictions have no influence, since their score is 0 by rule."""
    if is_constant(predictions_N) or is_constant(labels_N):
        return np.zeros(len(labels_N))
    x_N, y_N = ((values_N - values_N.mean()) / values_N.std() for values_N in (labels_N, predictions_N))
    return score + x_N * y_N - score * (x_N**2 + y_N**2) / 2


def resample(labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """scores_BS of the resamples that `weights_BN` says, from weighted moments."""
    y_N = labels_N - labels_N.mean()
    x_SN = predictions_SN - predictions_SN.mean(axis=1, keepdims=True)
    moments_NM = np.vstack([y_N, y_N**2, x_SN, x_SN**2, x_SN * y_N]).T
    means_BM = weights_BN.astype(moments_NM.dtype) @ moments_NM / len(labels_N)
    num_runs = len(predictions_SN)
    y_B1, yy_B1, x_BS, xx_BS, xy_BS = np.split(means_BM, [1, 2, 2 + num_runs, 2 + 2 * num_runs], axis=1)
    variance_BS, y_variance_B1 = xx_BS - x_BS**2, yy_B1 - y_B1**2
    constant_BS = (variance_BS <= 1e-12 * np.maximum(1.0, xx_BS)) | (y_variance_B1 <= 1e-12)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(constant_BS, 0.0, (xy_BS - x_BS * y_B1) / np.sqrt(variance_BS * y_variance_B1))
