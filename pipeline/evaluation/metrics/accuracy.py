"""Accuracy: the fraction of examples whose predicted class is the label."""

import numpy as np

LABEL = "accuracy"
LABELS = "classes"


def score(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The fraction of predictions that equal their label."""
    return float(np.mean(np.asarray(labels_N) == np.asarray(predictions_N)))


def parts(labels_N: np.ndarray, predictions_N: np.ndarray, score: float) -> np.ndarray:
    """1 where the prediction is right, 0 elsewhere: accuracy is their mean exactly."""
    return (predictions_N == labels_N).astype(np.float64)


def resample(labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray) -> np.ndarray:
    """scores_BS of the resamples that `weights_BN` says."""
    right_NS = (predictions_SN == labels_N).T.astype(np.float32)  # counts below 2**24 are exact
    return weights_BN.astype(np.float32) @ right_NS / len(labels_N)
