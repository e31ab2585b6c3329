"""Macro F1: the plain mean over classes of F1, the harmonic mean of precision and recall.

Classes are those that occur among labels or predictions, as in scikit-learn's f1_score(average="macro").
"""

import numpy as np

from pipeline.evaluation.metrics._confusion import count, describe

LABEL = "macro F1"
LABELS = "classes"


def score(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The mean of the classes' F1."""
    return float(resample(labels_N, np.asarray(predictions_N)[None], np.ones((1, len(labels_N))))[0, 0])


def parts(labels_N: np.ndarray, predictions_N: np.ndarray, score: float) -> np.ndarray:
    """The score plus its influence function: the derivative of each class's 2 right / (labels + guesses)."""
    right_C, labels_C, guesses_C, label_N, guess_N = describe(labels_N, predictions_N)
    sums_C = labels_C + guesses_C
    slope_C = 2 * right_C / sums_C**2
    influence_N = 2 * (label_N == guess_N) / sums_C[label_N] - slope_C[label_N] - slope_C[guess_N]
    return score + influence_N / len(sums_C)


def resample(labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """scores_BS of the resamples that `weights_BN` says; a class that a resample lacks does not count there."""
    right_BSC, labels_B1C, guesses_BSC = count(labels_N, predictions_SN, weights_BN)
    sums_BSC = labels_B1C + guesses_BSC
    f1_BSC = 2 * right_BSC / np.maximum(sums_BSC, 1)
    return f1_BSC.sum(axis=2) / (sums_BSC > 0).sum(axis=2)
