"""Spearman's correlation: Pearson's of the ranks, equal values sharing their mean rank; 0 where a side is constant."""

import numpy as np

from pipeline.evaluation.metrics import is_constant

LABEL = "Spearman"
LABELS = "scores"


def score(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The correlation of the ranks."""
    return float(resample(labels_N, np.asarray(predictions_N)[None], np.ones((1, len(labels_N))))[0, 0])


def parts(labels_N: np.ndarray, predictions_N: np.ndarray, score: float) -> np.ndarray:
    """The score plus its influence function: that of Pearson's correlation of the ranks, and through others' ranks.

    Croux and Dehon, "Influence functions of the Spearman and Kendall correlation measures" (2010), proposition 1, with
    equal values taken into account: an example raises the ranks of those above it, by half of those equal to it.
    """
    if is_constant(predictions_N) or is_constant(labels_N):
        return np.zeros(len(labels_N))
    sides = [_rank(values_N, np.ones((1, len(values_N))))[0] for values_N in (labels_N, predictions_N)]
    x_N, y_N = ((rank_N - rank_N.mean()) / rank_N.std() for rank_N in sides)
    direct_N = x_N * y_N - score * (x_N**2 + y_N**2) / 2
    through_labels_N = _sum_above(labels_N, y_N - score * x_N) / sides[0].std()
    through_predictions_N = _sum_above(predictions_N, x_N - score * y_N) / sides[1].std()
    return score + direct_N + (through_labels_N + through_predictions_N) / len(labels_N)


def resample(labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """scores_BS of the resamples that `weights_BN` says; ranks are those within the resample."""
    y_BN = _rank(labels_N, weights_BN)
    scores_BS = [_correlate(_rank(predictions_N, weights_BN), y_BN, weights_BN) for predictions_N in predictions_SN]
    return np.stack(scores_BS, axis=1)


def _rank(values_N: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """The share of the resample that lies below each example, half of what is equal to it counted; 0 for a constant."""
    if is_constant(values_N):  # to within rounding, whose ranks would be noise
        return np.zeros(weights_BN.shape)
    order, starts, group_N = _group(values_N)
    sums_BG = np.add.reduceat(weights_BN[:, order].astype(np.float64), starts, axis=1)
    return ((sums_BG.cumsum(axis=1) - sums_BG / 2) / len(values_N))[:, group_N]


def _sum_above(values_N: np.ndarray, terms_N: np.ndarray) -> np.ndarray:
    """The sum of the terms, which sum to 0, of the examples above each one, those equal to it by half."""
    order, starts, group_N = _group(values_N)
    sums_G = np.add.reduceat(terms_N[order], starts)
    return (sums_G / 2 - sums_G.cumsum())[group_N]


def _group(values_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The order of the examples by value, where in it each group G of equal ones starts, and every example's group."""
    _, group_N, sizes_G = np.unique(values_N, return_inverse=True, return_counts=True)
    return np.argsort(group_N, kind="stable"), sizes_G.cumsum() - sizes_G, group_N


def _correlate(x_BN: np.ndarray, y_BN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    shares_BN = weights_BN / weights_BN.sum(axis=1, keepdims=True)
    x_BN, y_BN = (values_BN - (shares_BN * values_BN).sum(axis=1, keepdims=True) for values_BN in (x_BN, y_BN))
    xx_B, yy_B, xy_B = (
        (shares_BN * one_BN * other_BN).sum(axis=1) for one_BN, other_BN in ((x_BN, x_BN), (y_BN, y_BN), (x_BN, y_BN))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((xx_B <= 1e-12) | (yy_B <= 1e-12), 0.0, xy_B / np.sqrt(xx_B * yy_B))
