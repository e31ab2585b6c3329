"""The gradient of the sum of the losses."""

import torch
from torch import Tensor

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """Weight 1 for every task."""
    return torch.ones_like(gramian_KK[0])
