"""How much two rows' scores move together from seed to seed, where they share seeds: from two or three of each pair.

Seed s of a row and seed s of its control start from the same heads, and see the same order and the same dropout. What
that is worth differs from pair to pair, and two or three seeds of one pair hardly tell, so pairs learn from each other,
as rows do about standard deviations (`seeds`): the correlation of a pair comes from a population that all pairs of the
table decide on, on a grid. It is not negative, and most likely none beforehand: pairing is what the data must show.

Shape suffixes: S shared seeds, N examples, A and B grids of the two rows' standard deviations, P grid of correlations,
H populations of correlations.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from pipeline.statistics.seeds import SD_G

Z_P = np.linspace(0.0, 3.5, 15)  # Fisher's z, from no correlation to .998
CORRELATION_P = np.tanh(Z_P)
POPULATION_SPREADS = (0.25, 0.75, 1.5)  # of the pairs' z about the population's centre, equally likely beforehand
NO_CORRELATION = 0.8  # how likely it is beforehand that no pair correlates; all other populations share the rest
NEGLIGIBLE = 1e-5  # standard deviations less likely than this are left out of a pair's grid


def _list_populations() -> tuple[np.ndarray, np.ndarray]:
    """log prior_H, and log_HP: how likely each correlation is in each population."""
    none_1P = np.where(Z_P == 0.0, 0.0, -np.inf)[None]
    some_HP = [-0.5 * ((Z_P - Z_P[:, None]) / spread) ** 2 for spread in POPULATION_SPREADS]
    log_HP = np.concatenate([none_1P, *some_HP])
    prior_H = np.full(len(log_HP), (1 - NO_CORRELATION) / (len(log_HP) - 1))
    prior_H[0] = NO_CORRELATION
    return np.log(prior_H), log_HP - logsumexp(log_HP, axis=1, keepdims=True)


LOG_PRIOR_H, LOG_POPULATION_HP = _list_populations()


@dataclass(frozen=True)
class Scatter:
    """What the shared seeds of two rows say. E[squares] = degrees * (covariance of the seeds + flips)."""

    squares: np.ndarray  # 2 x 2: sums of squares and products of both rows' scores about their means
    flips: np.ndarray  # 2 x 2: the covariance that flipped predictions bring; rows that flip together share it
    degrees: int  # shared seeds less one


def measure_scatter(scores_2S: np.ndarray, parts: list[tuple[np.ndarray, np.ndarray]]) -> Scatter:
    """Of two rows' scores and parts_SN, a pair of these for each task whose mean the scores are."""
    degrees = scores_2S.shape[1] - 1
    centered_2S = scores_2S - scores_2S.mean(axis=1, keepdims=True)
    flips = np.zeros((2, 2))
    for pair in parts:
        flips_2SN = np.stack([parts_SN - parts_SN.mean(axis=1, keepdims=True) for parts_SN in pair])
        flips_2SN -= flips_2SN.mean(axis=1, keepdims=True)
        flips += np.einsum("isn,jsn->ij", flips_2SN, flips_2SN) / degrees / flips_2SN.shape[2] ** 2
    return Scatter(centered_2S @ centered_2S.T, flips / len(parts) ** 2, degrees)


class Pair:
    """What two rows' standard deviations and shared seeds say about their correlation. `weights_G` are of `seeds`."""

    def __init__(self, scatter: Scatter, weights_G: np.ndarray, other_weights_G: np.ndarray) -> None:
        kept, other_kept = (weights > NEGLIGIBLE for weights in (weights_G, other_weights_G))
        sd_A, sd_B = SD_G[kept][:, None, None], SD_G[other_kept][:, None]
        self.variances_ABP = sd_A**2 + sd_B**2 - 2 * CORRELATION_P * sd_A * sd_B
        log_weights_AB = np.log(np.multiply.outer(weights_G[kept], other_weights_G[other_kept]))
        # The weights hold each row's own scores already: what is new is how much likelier a correlation makes them.
        (flip_a, flip_ab), (_, flip_b) = scatter.flips
        var_A, var_B, covariance_ABP = sd_A**2 + flip_a, sd_B**2 + flip_b, CORRELATION_P * sd_A * sd_B + flip_ab
        (square_a, product), (_, square_b) = scatter.squares
        determinant_ABP = var_A * var_B - covariance_ABP**2
        exponent_ABP = (var_B * square_a - 2 * covariance_ABP * product + var_A * square_b) / determinant_ABP
        gain_ABP = scatter.degrees * np.log(determinant_ABP / (var_A * var_B)) + exponent_ABP
        gain_ABP -= square_a / var_A + square_b / var_B
        self.log_ABP = log_weights_AB[:, :, None] - 0.5 * gain_ABP
        self.log_P = logsumexp(self.log_ABP, axis=(0, 1))  # of the correlation alone
        self.log_H = logsumexp(LOG_POPULATION_HP + self.log_P, axis=1)  # of the population

    def variances(self, log_weights_H: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(variances_K, weights_K) of the difference of one seed each; `infer_population` gives the weights."""
        posterior_HP = LOG_POPULATION_HP + self.log_P - self.log_H[:, None]
        log_P = logsumexp(log_weights_H[:, None] + posterior_HP, axis=0) - self.log_P
        weights_K = np.exp(self.log_ABP + log_P).ravel()
        kept = weights_K > NEGLIGIBLE * weights_K.max()
        return self.variances_ABP.ravel()[kept], weights_K[kept] / weights_K[kept].sum()


def infer_population(pairs: list[tuple[Pair, int]]) -> np.ndarray:
    """log weights_H of the populations. Each pair comes with the number of pairs that have its control.

    Those say partly the same: without any correlation, the squares of two differences from one control correlate by a
    quarter, so m such pairs count as m / (1 + (m - 1) / 4).
    """
    log_H = LOG_PRIOR_H + sum(pair.log_H / (1 + (count - 1) / 4) for pair, count in pairs)
    return log_H - logsumexp(log_H)
