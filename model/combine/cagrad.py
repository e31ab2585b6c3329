"""The direction near the mean gradient that serves the worst-off task best: CAGrad, Liu and others 2021, algorithm 1.

Among the d with |d - g| <= c |g|, g the mean of the gradients, it is the one with the largest min_k g_k . d. That is
g + c |g| h / |h|, h the convex combination of the gradients with the least h . g + c |g| |h|.
"""

import math
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from model.combine._quadratic import ROUNDING, shortest, split
from model.registry import Bounds

# Shape suffixes: K tasks, A tasks whose gradient is not 0.

PRECISION = 1e-7  # of log |h|


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    c: Annotated[float, Bounds(0)] = 0.4,
) -> Tensor:
    """1/K for every task, and c |g| / |h| in the shares of h; c = 0 is the mean, from c = 1 on no task's loss rises.

    The paper's proof that the mean loss reaches a stationary point needs c < 1.
    """
    norms_K, cosines_KK = split(gramian_KK)
    weights_K = np.full_like(norms_K, 1 / len(norms_K))
    alive_K = norms_K > 0
    norms_A, cosines_AA = norms_K[alive_K], cosines_KK[np.ix_(alive_K, alive_K)]
    inner_AA = cosines_AA * np.outer(norms_A, norms_A)
    mean = math.sqrt(max(inner_AA.sum(), 0.0)) / len(norms_K)
    if c * mean > 0:
        weights_K[alive_K] += _find_shares(inner_AA, mean, c, len(norms_K))
    return torch.from_numpy(weights_K).to(gramian_KK.dtype)


def _find_shares(inner_AA: np.ndarray, mean: float, c: float, num_tasks: int) -> np.ndarray:
    """c |g| / |h| times the weights of h, whose sum is 1; `mean` is |g|.

    c |g| |h| is the least of c |g| (|h|^2 / s + s) / 2 over s > 0, where s = |h|. At a fixed s, with t = s / c |g|, the
    form is that of the shortest h + t g. Its |h| grows with s, slower than s: above s it is below the right s too.
    """
    with_mean_A = inner_AA.sum(axis=0) / num_tasks
    squares_A = inner_AA.diagonal()
    # No combination is longer than the longest gradient, and none has less of its terms' squares than the cosines'
    # least eigenvalue.
    low = math.log(squares_A.min() * ROUNDING / len(squares_A)) / 2
    high = math.log(squares_A.max()) / 2 + PRECISION
    while high - low > PRECISION:
        middle = (low + high) / 2
        t = math.exp(middle) / (c * mean)
        moved_AA = inner_AA + t * (with_mean_A + with_mean_A[:, None]) + (t * mean) ** 2
        norms_A = np.sqrt(moved_AA.diagonal().clip(0.0))
        scale_AA = np.outer(norms_A, norms_A)
        cosines_AA = np.divide(moved_AA, scale_AA, out=np.zeros_like(moved_AA), where=scale_AA > 0)
        shares_A = shortest(norms_A, cosines_AA)
        length = math.log(shares_A @ inner_AA @ shares_A) / 2
        low, high = (length, high) if length > middle else (low, length)
    return shares_A * c * mean / math.exp(length)
