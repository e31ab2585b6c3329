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


def score(
    task: str, metric: str, labels_N: np.ndarray, predictions_N: np.ndarray, train_labels: np.ndarray
) -> dict[str, float]:
    """Every number that the evaluation of one task reports, keyed `<task>.<name>`.

    A metric of classes brings `majority_<metric>`, that of always guessing the training set's most frequent class. One
    of scores brings `mse`, `mean_score_mse`, that of always guessing the training set's mean (whose correlation is 0),
    and `constant`, 1.0 where the predictions are constant and the correlation is 0 by definition.
    """
    labels_N, predictions_N = np.asarray(labels_N), np.asarray(predictions_N)
    module = METRICS[metric]
    result = {metric: module.score(labels_N, predictions_N)}
    if module.LABELS == "classes":
        classes, counts = np.unique(train_labels, return_counts=True)
        majority_N = np.full_like(labels_N, classes[counts.argmax()])
        result[f"majority_{metric}"] = module.score(labels_N, majority_N)
    else:
        result["mse"] = float(np.mean((labels_N - predictions_N) ** 2))
        result["mean_score_mse"] = float(np.mean((labels_N - np.mean(train_labels)) ** 2))
        result["constant"] = float(is_constant(predictions_N))
    return {f"{task}.{name}": value for name, value in result.items()}
