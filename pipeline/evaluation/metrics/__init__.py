"""The metrics, a file each and found by its name, and every number that an evaluation reports of a task.

A metric NAME is the module NAME.py here. It has

- `LABEL`, its name for people, and `LABELS`, what it judges: "classes" or "scores";
- `score(labels_N, predictions_N) -> float`: better when higher; a constant prediction of scores scores 0;
- `parts(labels_N, predictions_N, score) -> parts_N`: what each example contributes. Their mean is the score, and to
  first order stays so when examples are weighted: the score plus its influence function (Efron 1982);
- if it can, `resample(labels_N, predictions_SN, weights_BN) -> scores_BS`: the score of every run on every resample, in
  which example n stands weights_BN[b, n] times. Without it, `score` is called on each of them.

Shape suffixes: N examples, S runs, B resamples.
"""

import numpy as np

from model.registry import Registry

OVERALL = "overall"  # the plain mean over a row's tasks, where it has several (the paper's "Overall Score")


METRICS = Registry(__name__)  # a metric's name in params.yaml -> its module


def is_constant(values_N: np.ndarray) -> bool:
    """Whether all values are the same to within float32's rounding."""
    values_N = np.asarray(values_N, np.float64)
    return bool(np.ptp(values_N) <= 1e-6 * max(1.0, np.abs(values_N).max()))


# Predictions have collapsed, so hardly depend on the example, from this share of one class on, or below this spread.
COLLAPSED_SHARE = 0.99
COLLAPSED_SPREAD = 0.01


def commonest_share(predictions_N: np.ndarray) -> float:
    """The share of the examples that got the commonest prediction."""
    return float(np.unique(predictions_N, return_counts=True)[1].max() / len(predictions_N))


def spread(labels_N: np.ndarray, predictions_N: np.ndarray) -> float:
    """The standard deviation of predicted scores, in units of the labels' own; 0 where all predictions are equal."""
    if is_constant(predictions_N):
        return 0.0
    return float(np.std(predictions_N) / max(np.std(labels_N), 1e-12))


def is_collapsed(labels: str, labels_N: np.ndarray, predictions_N: np.ndarray) -> bool:
    """Whether nearly all examples got one prediction; `labels` says what they are, "classes" or "scores"."""
    if labels == "classes":
        return commonest_share(predictions_N) >= COLLAPSED_SHARE
    return spread(labels_N, predictions_N) < COLLAPSED_SPREAD


def score(
    task: str, metric: str, labels_N: np.ndarray, predictions_N: np.ndarray, train_labels: np.ndarray
) -> dict[str, float]:
    """Every number that the evaluation of one task reports, keyed `<task>.<name>`.

    A metric of classes brings `majority_<metric>`, that of always guessing the training set's most frequent class, and
    `commonest_share`. One of scores brings `mse`, `mean_score_mse`, that of always guessing the training set's mean
    (whose correlation is 0), and `spread`. `collapsed` is 1.0 where `is_collapsed` says so, else 0.0.
    """
    labels_N, predictions_N = np.asarray(labels_N), np.asarray(predictions_N)
    module = METRICS[metric]
    result = {metric: module.score(labels_N, predictions_N)}
    if module.LABELS == "classes":
        classes, counts = np.unique(train_labels, return_counts=True)
        majority_N = np.full_like(labels_N, classes[counts.argmax()])
        result[f"majority_{metric}"] = module.score(labels_N, majority_N)
        result["commonest_share"] = commonest_share(predictions_N)
    else:
        result["mse"] = float(np.mean((labels_N - predictions_N) ** 2))
        result["mean_score_mse"] = float(np.mean((labels_N - np.mean(train_labels)) ** 2))
        result["spread"] = spread(labels_N, predictions_N)
    result["collapsed"] = float(is_collapsed(module.LABELS, labels_N, predictions_N))
    return {f"{task}.{name}": value for name, value in result.items()}
