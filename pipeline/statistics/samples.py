"""What a row's seeds score, and how much each example and each seed contributes to the noise of it.

To first order a metric is a mean over examples: accuracy is one exactly, others are through their influence function
(Efron, "The Jackknife, the Bootstrap and Other Resampling Plans", 1982, section 6.3, the nonparametric delta method),
which a metric gives as its `parts`. Variances of scores and of differences then have closed forms.

Shape suffixes: N examples, S seeds.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.evaluation.metrics import METRICS, is_collapsed


@dataclass(frozen=True)
class Sample:
    """The seeds of one row on one dev set. The mean of a row of `parts_SN` over the examples is that seed's score."""

    scores_S: np.ndarray
    parts_SN: np.ndarray
    collapsed_S: np.ndarray  # whether a seed gave nearly all examples one prediction (`metrics.is_collapsed`)

    @property
    def mean(self) -> float:
        return float(self.scores_S.mean())

    @property
    def num_seeds(self) -> int:
        return len(self.scores_S)


@dataclass(frozen=True)
class Spread:
    """What the seeds of a row say about how much a seed moves its score; spreads of the same row may be added.

    E[sum_of_squares] = degrees * (variance between seeds + flip_variance): on the same examples, seeds differ because
    they are better or worse throughout, and because single predictions flip.
    """

    sum_of_squares: float  # of the scores about their mean
    degrees: int  # seeds less one
    flip_variance: float

    def __add__(self, other: "Spread") -> "Spread":
        degrees = self.degrees + other.degrees
        flips = self.degrees * self.flip_variance + other.degrees * other.flip_variance
        return Spread(self.sum_of_squares + other.sum_of_squares, degrees, flips / degrees if degrees else 0.0)


def measure(metric: str, labels_N: np.ndarray, predictions_SN: np.ndarray) -> Sample:
    """Score each seed's predictions by a metric of params.yaml."""
    module = METRICS[metric]
    scores_S = np.array([module.score(labels_N, row_N) for row_N in predictions_SN])
    parts_SN = np.stack([module.parts(labels_N, *row) for row in zip(predictions_SN, scores_S, strict=True)])
    collapsed_S = np.array([is_collapsed(module.LABELS, labels_N, row_N) for row_N in predictions_SN])
    return Sample(scores_S, parts_SN, collapsed_S)


def measure_spread(sample: Sample) -> Spread:
    """The spread of a row's seeds; without degrees where they say nothing of others.

    So do seeds that agree on every example, and those that are all collapsed: what has learned nothing does not vary.
    """
    if sample.num_seeds < 2 or sample.collapsed_S.all():
        return Spread(0.0, 0, 0.0)
    sum_of_squares = float(((sample.scores_S - sample.mean) ** 2).sum())
    flips_SN = sample.parts_SN - sample.scores_S[:, None]
    flip_variance = float(flips_SN.var(axis=0, ddof=1).mean()) / flips_SN.shape[1]
    return Spread(sum_of_squares, sample.num_seeds - 1 if flip_variance else 0, flip_variance)


def mean_variance(sample: Sample) -> float:
    """The variance that the choice of examples gives the mean score of these very models."""
    return _variance_of_mean(sample.parts_SN.mean(axis=0))


def difference_variance(one: Sample, other: Sample) -> float:
    """The same of the difference of two rows on the same examples, each example paired with itself."""
    return _variance_of_mean(one.parts_SN.mean(axis=0) - other.parts_SN.mean(axis=0))


def _variance_of_mean(parts_N: np.ndarray) -> float:
    return float(parts_N.var(ddof=1)) / len(parts_N) if len(parts_N) > 1 else 0.0
