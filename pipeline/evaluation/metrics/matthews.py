"""Matthews' correlation of classes, two or more of them; 0 where either side is constant.

Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient" (2004), equation 8.
"""

import numpy as np

from pipeline.evaluation.metrics._confusion import count, describe

LABEL = "Matthews"
LABELS = "classes"


def score(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The correlation."""
    return float(resample(labels_N, np.asarray(predictions_N)[None], np.ones((1, len(labels_N))))[0, 0])


def parts(labels_N: np.ndarray, predictions_N: np.ndarray, score: float) -> np.ndarray:
    """The score plus its influence function; where a side is constant there is none, since the score is 0 by rule."""
    right_C, labels_C, guesses_C, label_N, guess_N = describe(labels_N, predictions_N)
    guess_variance, label_variance = 1 - guesses_C @ guesses_C, 1 - labels_C @ labels_C
    if guess_variance <= 0 or label_variance <= 0:
        return np.zeros(len(labels_N))
    covariance_N = (label_N == guess_N) + right_C.sum() - guesses_C[label_N] - labels_C[guess_N]
    spread_N = (1 - guesses_C[guess_N]) / guess_variance + (1 - labels_C[label_N]) / label_variance
    return score + covariance_N / np.sqrt(guess_variance * label_variance) - score * spread_N


def resample(labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """scores_BS of the resamples that `weights_BN` says."""
    right_BSC, labels_B1C, guesses_BSC = count(labels_N, predictions_SN, weights_BN)
    total_B1 = labels_B1C.sum(axis=2)
    covariance_BS = right_BSC.sum(axis=2) * total_B1 - (labels_B1C * guesses_BSC).sum(axis=2)
    variances_BS = (total_B1**2 - (guesses_BSC**2).sum(axis=2)) * (total_B1**2 - (labels_B1C**2).sum(axis=2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variances_BS > 0, covariance_BS / np.sqrt(variances_BS), 0.0)
