"""What macro F1 and Matthews' correlation need of a confusion matrix, for many resamples at once.

Shape suffixes: N examples, S runs, B resamples, C classes.
"""

import numpy as np


def count(
    labels_N: np.ndarray, predictions_SN: np.ndarray, weights_BN: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """right_BSC, labels_B1C and guesses_BSC: by class, how many were right, were labelled so and were predicted so.

    Classes are those that occur anywhere in labels or predictions; of a resample's counts some may be 0.
    """
    labels_N, predictions_SN = np.asarray(labels_N), np.asarray(predictions_SN)
    classes_C = np.union1d(labels_N, predictions_SN)
    weights_BN = weights_BN.astype(np.float32)  # counts below 2**24 are exact
    is_label_NC = labels_N[:, None] == classes_C

    def total(is_so_NC: np.ndarray) -> np.ndarray:
        return (weights_BN @ is_so_NC.astype(np.float32)).astype(np.float64)

    is_guess_SNC = [predictions_N[:, None] == classes_C for predictions_N in predictions_SN]
    right_BSC = np.stack([total(is_guess_NC & is_label_NC) for is_guess_NC in is_guess_SNC], axis=1)
    guesses_BSC = np.stack([total(is_guess_NC) for is_guess_NC in is_guess_SNC], axis=1)
    return right_BSC, total(is_label_NC)[:, None], guesses_BSC


def describe(labels_N: np.ndarray, predictions_N: np.ndarray) -> tuple[np.ndarray, ...]:
    """right_C, labels_C and guesses_C of one run as shares of its examples, and the class of every label and guess."""
    predictions_1N = np.asarray(predictions_N)[None]
    shares = [counts[0, 0] / len(labels_N) for counts in count(labels_N, predictions_1N, np.ones((1, len(labels_N))))]
    classes_C = np.union1d(labels_N, predictions_N)
    return *shares, np.searchsorted(classes_C, labels_N), np.searchsorted(classes_C, predictions_N)
