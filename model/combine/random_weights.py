"""Random loss weighting: Lin and others 2022, algorithm 1, weights drawn anew at each step: what a method must beat."""

import torch
from torch import Tensor

# Shape suffixes: K tasks.


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """The softmax of one standard normal number for each task."""
    normals_K = torch.randn(len(gramian_KK), generator=generator, dtype=torch.float64)
    return normals_K.softmax(dim=0).to(gramian_KK.dtype)


def head_weights(weights_K: Tensor) -> Tensor:
    """The loss is weighted as a whole, so a head's gradient too."""
    return weights_K
