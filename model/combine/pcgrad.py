"""Gradient surgery: Yu et al. 2020, algorithm 1, on the Gramian alone."""

import torch
from torch import Tensor

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Each gradient is projected off those it conflicts with; the results are summed.

    Other tasks are visited in an order drawn anew for each task; projections are against the original gradients.
    """
    inner_KK = gramian_KK.double()
    num_tasks = len(inner_KK)
    total_K = torch.zeros_like(inner_KK[0])
    for i in range(num_tasks):
        weights_K = torch.zeros_like(total_K)  # gradient i, as it is projected, in terms of the original ones
        weights_K[i] = 1.0
        for j in torch.randperm(num_tasks, generator=generator).tolist():
            inner = inner_KK[j] @ weights_K
            # A squared norm of 0 is a gradient too small for its square: there is nothing to project off.
            if j != i and inner < 0 and inner_KK[j, j] > 0:
                weights_K[j] -= inner / inner_KK[j, j]
        total_K += weights_K
    return total_K.to(gramian_KK.dtype)
