"""The distribution of a difference that is nothing but noise: normal, its variance a weighted sum of estimated ones."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from pipeline.statistics.seeds import SD_G

BIN = 0.04  # of the logarithm of a variance: how close two are that `condense` takes for one
TINY = 1e-30


@dataclass(frozen=True)
class Noise:
    """A mixture of centred normals: variance k with probability `weights[k]`. Either all variances are 0 or none is."""

    variances: np.ndarray
    weights: np.ndarray

    def probability_below(self, value: float) -> float:
        """The probability of a value this low or lower; half of it where there is neither noise nor a difference."""
        if not self.variances.any():
            return (np.sign(value) + 1) / 2
        return float(self.weights @ ndtr(value / np.sqrt(self.variances)))

    def quantile(self, probability: float) -> float:
        """The value that noise stays below with this probability, which is at least a half."""
        if not self.variances.any():
            return 0.0
        sd = np.sqrt(self.variances)
        return brentq(lambda value: self.weights @ ndtr(value / sd) - probability, 0.0, 10 * sd.max(), xtol=1e-7)

    def condense(self) -> "Noise":
        """The same to within 2% of each variance, from few variances, in order."""
        logs = np.log(np.maximum(self.variances, TINY))
        bins = np.unique(np.round(logs / BIN), return_inverse=True)[1]
        weights = np.bincount(bins, self.weights)
        variances = np.bincount(bins, self.weights * self.variances) / np.where(weights > 0, weights, 1.0)
        return Noise(variances[weights > 0], weights[weights > 0])


def make_noise(example_variance: float, *seeds: tuple[np.ndarray, float]) -> Noise:
    """Noise of examples and seeds; each of `seeds` is (weights_G over `SD_G`, the factor of that seed variance).

    The factor is 1 / n for the mean of n seeds, and 1 / n + 1 / m for the difference of means of one row's seeds.
    """
    variances, weights = np.array([example_variance]), np.array([1.0])
    for weights_G, factor in seeds:
        variances = np.add.outer(variances, factor * SD_G**2).ravel()
        weights = np.multiply.outer(weights, weights_G).ravel()
    return Noise(variances, weights / weights.sum())
