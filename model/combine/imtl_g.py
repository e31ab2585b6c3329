"""The combination whose projection onto every gradient is the same: IMTL-G, Liu, Li and others 2021, section 3.1.

No task's gradient counts for more by being longer. With C the gradients' cosines the paper's closed form is w_k
proportional to x_k / |g_k|, C x = 1. The paper scales the weights to sum 1. Here their absolute values sum to 1: the
same where none is negative. Otherwise the paper's sum can be near 0, a leap, or below it, a step up on every task.
"""

import numpy as np
import torch
from torch import Tensor

from model.combine._quadratic import divide, split

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Weights whose absolute values sum to 1; a gradient of 0 gets 0, for no projection onto it is asked."""
    norms_K, cosines_KK = split(gramian_KK)
    weights_K = divide(np.linalg.solve(cosines_KK, np.ones_like(norms_K)), norms_K)
    return torch.from_numpy(weights_K / max(np.abs(weights_K).sum(), np.finfo(float).tiny)).to(gramian_KK.dtype)
