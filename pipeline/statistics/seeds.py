"""How much a row's score moves from seed to seed, from two or three seeds each of several rows.

The standard deviation of so few seeds is worth little by itself, so rows learn from each other, and as much as they
are alike: the idea of Smyth, "Linear Models and Empirical Bayes Methods" (2004, section 3), here for standard
deviations that are log-normal about a centre, on a grid, since the noise of flipped predictions comes on top.

Shape suffixes: R rows, G grid of standard deviations, C grid of centres.
"""

import numpy as np
from scipy.special import logsumexp

from pipeline.statistics.samples import Spread

SD_G = np.geomspace(1e-4, 0.3, 81)  # in units of the score: from nothing to a training that fails now and then
CENTERS_C = np.geomspace(1e-4, 0.3, 41)
# How far rows may lie from their centre, as a standard deviation of logarithms: all alike, up to factors of e.
# They are equally likely beforehand.
SPREADS = (0.15, 0.3, 0.6, 1.0)
# How far the centre may lie from the one that is expected, likewise: most likely within a factor of 1.65.
CENTER_SPREAD = 0.5


def infer_seed_sd(spreads: list[Spread], expected_sd: float | None = None) -> np.ndarray:
    """weights_RG: how likely each of `SD_G` is as the standard deviation between the seeds of each row.

    `expected_sd` is the centre that is expected before any seed is seen; None takes every centre as equally likely.
    """
    total_RG = SD_G**2 + np.array([[spread.flip_variance] for spread in spreads])
    degrees_R1 = np.array([[spread.degrees] for spread in spreads])
    squares_R1 = np.array([[spread.sum_of_squares] for spread in spreads])
    log_likelihood_RG = -0.5 * (degrees_R1 * np.log(total_RG) + squares_R1 / total_RG)
    log_prior_C = np.zeros(len(CENTERS_C))
    if expected_sd is not None:
        log_prior_C = -0.5 * (np.log(CENTERS_C / expected_sd) / CENTER_SPREAD) ** 2
    log_prior_CG = [_log_normal(spread) for spread in SPREADS]
    # How likely each centre and spread is, with every row's own standard deviation summed out.
    evidence = np.stack([
        log_prior_C + logsumexp(prior_CG + log_likelihood_RG[:, None], axis=2).sum(axis=0) for prior_CG in log_prior_CG
    ])  # fmt: skip
    weights = np.exp(evidence - logsumexp(evidence))
    weights_RG = np.zeros_like(log_likelihood_RG)
    for prior_CG, weights_C in zip(log_prior_CG, weights, strict=True):
        row_RCG = prior_CG + log_likelihood_RG[:, None]
        row_RCG = np.exp(row_RCG - logsumexp(row_RCG, axis=2, keepdims=True))
        weights_RG += np.einsum("c,rcg->rg", weights_C, row_RCG)
    return weights_RG


def _log_normal(spread: float) -> np.ndarray:
    log_prior_CG = -0.5 * ((np.log(SD_G) - np.log(CENTERS_C)[:, None]) / spread) ** 2
    return log_prior_CG - logsumexp(log_prior_CG, axis=1, keepdims=True)
