"""Gradient combination: a method maps the Gramian of the tasks' gradients to one weight per task.

A method that works by linear combinations of gradients needs only their inner products (Quinton and Rey 2024), so it
never sees the P numbers of a gradient.
"""

from collections.abc import Callable

import torch
from torch import Tensor

# Shape suffixes: K tasks. gramian_KK[i, j] is the inner product of the gradients of tasks i and j.


def combine_sum(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Weight 1 for every task: the gradient of the sum of the losses."""
    return torch.ones_like(gramian_KK[0])


def combine_pcgrad(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Yu et al. 2020, algorithm 1: each gradient is projected off those it conflicts with; the results are summed.

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


# A new method is a function like these and a line here; the tests run over this table. Called as
# COMBINERS[name](gramian_KK, generator, losses_K=None, state=None) -> weights_K, all on the CPU. `state` is a dict
# of tensors that a method may keep from step to step; it goes into checkpoints.
COMBINERS: dict[str, Callable[..., Tensor]] = {
    "sum": combine_sum,
    "pcgrad": combine_pcgrad,
}
