"""The mean of the gradients, each projected to where no task's loss rises: UPGrad, Quinton and Rey 2024, section 3.

Gradient i is projected onto the cone of the vectors whose inner product with every gradient is >= 0. By the paper's
proposition 1 that is sum_k v_k g_k for the v >= e_i with the least v^T M v, M the Gramian.
"""

import numpy as np
import torch
from torch import Tensor

from model.combine._quadratic import divide, least_nonnegative, split

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """The mean of the projections' weights, each exact up to the rounding of the Gramian."""
    norms_K, cosines_KK = split(gramian_KK)
    total_K = np.ones_like(norms_K)
    for i, norm in enumerate(norms_K):
        total_K += divide(norm * least_nonnegative(cosines_KK, -cosines_KK[i]), norms_K)
    return torch.from_numpy(total_K / len(total_K)).to(gramian_KK.dtype)
