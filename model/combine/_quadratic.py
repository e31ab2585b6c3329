"""What several methods make of a Gramian: norms and cosines, and the least of a quadratic form over weights >= 0.

In numpy and fp64, where a few numbers take microseconds. It is no method: its name begins with `_`.
"""

import numpy as np
from torch import Tensor

# Shape suffixes: K tasks.

ROUNDING = 1e-6  # relative, of inner products of millions of numbers in fp32: no less is told from 0
MAX_ROUNDS = 1000  # of 2^K that there can be: a handful are taken


def split(gramian_KK: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The norms of the gradients (K) and their cosines (K x K).

    The cosines are made positive definite: eigenvalues below `ROUNDING`, be they negative, become `ROUNDING`. A
    gradient too small for its square has the norm 0 and counts as orthogonal to all others.
    """
    inner_KK = gramian_KK.double().numpy()
    if not np.isfinite(inner_KK).all():
        raise FloatingPointError("a task's gradient is not finite: a lower learning rate may help")
    norms_K = np.sqrt(inner_KK.diagonal())
    cosines_KK = inner_KK * divide(1.0, norms_K) * divide(1.0, norms_K)[:, None]
    values_K, vectors_KK = np.linalg.eigh(cosines_KK)
    if values_K[0] < ROUNDING:
        cosines_KK = vectors_KK * values_K.clip(ROUNDING) @ vectors_KK.T
    return norms_K, cosines_KK


def divide(numbers_K: np.ndarray | float, norms_K: np.ndarray) -> np.ndarray:
    """The numbers over the norms, 0 where the norm is 0: the weight of a gradient that is not there."""
    return np.divide(numbers_K, norms_K, out=np.zeros_like(norms_K), where=norms_K > 0)


def least_nonnegative(form_KK: np.ndarray, slope_K: np.ndarray) -> np.ndarray:
    """The x >= 0 with the least x^T F x / 2 - s^T x, F positive definite, by the least-index rule of Murty 1974.

    Numbers are free or 0. The first free one below 0 becomes 0, or the first 0 that would gain by growing becomes free,
    whichever has the lower index, until there is none. No set of free ones comes twice.
    """
    free_K = np.zeros(len(slope_K), dtype=bool)
    for _ in range(MAX_ROUNDS):
        best_K = np.zeros_like(slope_K)
        best_K[free_K] = np.linalg.solve(form_KK[np.ix_(free_K, free_K)], slope_K[free_K])
        gain_K = slope_K - form_KK @ best_K
        wrong_K = np.where(free_K, best_K < 0, gain_K > 1e-13 * max(1.0, best_K.max()))
        if not wrong_K.any():
            break
        free_K[wrong_K.argmax()] ^= True
    return best_K.clip(0.0)


def shortest(norms_K: np.ndarray, cosines_KK: np.ndarray) -> np.ndarray:
    """The w >= 0 with sum 1 whose sum_k w_k g_k is shortest.

    For any t the w with the least t^2 |sum_k w_k g_k|^2 + (t - 1)^2 is the same, so t w is the least over all that is
    >= 0. Counted in the gradients' own lengths all numbers of that problem are near 1.
    """
    if norms_K.min() == 0:
        return (norms_K == 0) / np.count_nonzero(norms_K == 0)
    ratios_K = norms_K.min() / norms_K
    weights_K = ratios_K * least_nonnegative(cosines_KK + np.outer(ratios_K, ratios_K), ratios_K)
    return weights_K / weights_K.sum()
