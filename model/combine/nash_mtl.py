"""The Nash bargaining solution: Navon and others 2022, claim 3.1, the w > 0 with M w = 1 / w, M the Gramian.

It maximises sum_k log(g_k . d) over the directions d of one length. The solution is the one minimum of the convex
w^T M w / 2 - sum_k log w_k over w > 0, found to rounding by Newton's method (the paper's code approximates it). Its
combined gradient has the length sqrt(K) whatever the tasks' lengths.
"""

import numpy as np
import torch
from torch import Tensor

from model.combine._quadratic import divide, split

# Shape suffixes: K tasks.

MAX_STEPS = 100  # about 10 are taken, 20 where gradients are opposite


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """The weights of the bargain among the tasks whose gradient is not 0; the others get 0."""
    norms_K, cosines_KK = split(gramian_KK)
    shares_K = np.ones_like(norms_K)  # w_k |g_k|: the same problem with gradients of length 1
    for _ in range(MAX_STEPS):
        slope_K = cosines_KK @ shares_K - 1 / shares_K
        step_K = np.linalg.solve(cosines_KK + np.diag(1 / shares_K**2), slope_K)
        decrement = np.sqrt(slope_K @ step_K)
        # Damped far from the minimum, which keeps w > 0 and converges from anywhere: the form is self-concordant.
        shares_K = shares_K - step_K / (1 + decrement if decrement > 0.25 else 1)
        if decrement < 1e-8:
            break
    return torch.from_numpy(divide(shares_K, norms_K)).to(gramian_KK.dtype)
