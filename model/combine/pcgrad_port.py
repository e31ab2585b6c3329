"""Gradient surgery as the popular PyTorch port (WeiChengTseng/Pytorch-PCGrad) does it: not the paper's algorithm.

It projects the heads' gradients along with the shared ones, averages the projected shared gradients instead of summing
them, and sums those of the heads.
"""

import torch
from torch import Tensor

from model.combine import pcgrad

# Shape suffixes: K tasks.

SEES_HEADS = True


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
) -> Tensor:
    """PCGrad's weights divided by the number of tasks."""
    return pcgrad.combine(gramian_KK, generator) / len(gramian_KK)


def head_weights(weights_K: Tensor) -> Tensor:
    """The sum where the shared gradients have the mean."""
    return weights_K * len(weights_K)
