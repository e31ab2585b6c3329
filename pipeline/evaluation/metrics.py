"""The paper's metrics, accuracy and Pearson correlation, and what a constant guess would score."""

import numpy as np

# Shape suffixes: n examples.


def accuracy(labels_n: np.ndarray, predictions_n: np.ndarray) -> float:
    """The fraction of predictions that equal their label."""
    return float(np.mean(np.asarray(labels_n) == np.asarray(predictions_n)))


def pearson(labels_n: np.ndarray, predictions_n: np.ndarray) -> float:
    """Pearson's correlation by scipy; 0 where either side is constant, since it is undefined there."""
    from scipy.stats import pearsonr  # half a second to import, and most runs do not need it

    if is_constant(labels_n) or is_constant(predictions_n):
        return 0.0
    return float(pearsonr(np.asarray(labels_n, np.float64), np.asarray(predictions_n, np.float64)).statistic)


# A metric's name in params.yaml; every one is better when higher.
METRICS = {"accuracy": accuracy, "pearson": pearson}


def is_constant(values_n: np.ndarray) -> bool:
    """Whether all values are the same to within float32's rounding."""
    values_n = np.asarray(values_n, np.float64)
    return bool(np.ptp(values_n) <= 1e-6 * max(1.0, np.abs(values_n).max()))


def score(
    task: str, metric: str, labels_n: np.ndarray, predictions_n: np.ndarray, train_labels: np.ndarray
) -> dict[str, float]:
    """Every number that the evaluation of one task reports, keyed `<task>.<name>`.

    accuracy brings `majority_accuracy`, that of always guessing the training set's most frequent class. pearson brings
    `mse`, `mean_score_mse`, that of always guessing the training set's mean (whose correlation is 0), and `constant`,
    1.0 where the predictions are constant and the correlation is 0 by definition.
    """
    labels_n, predictions_n = np.asarray(labels_n), np.asarray(predictions_n)
    result = {metric: METRICS[metric](labels_n, predictions_n)}
    if metric == "accuracy":
        classes, counts = np.unique(train_labels, return_counts=True)
        result["majority_accuracy"] = accuracy(labels_n, np.full_like(labels_n, classes[counts.argmax()]))
    else:
        result["mse"] = float(np.mean((labels_n - predictions_n) ** 2))
        result["mean_score_mse"] = float(np.mean((labels_n - np.mean(train_labels)) ** 2))
        result["constant"] = float(is_constant(predictions_n))
    return {f"{task}.{name}": value for name, value in result.items()}
