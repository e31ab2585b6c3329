"""Gradient vaccine: Wang, Tsvetkov, Firat and Cao 2021, algorithm 1: PCGrad with a target for each pair's cosine.

The target is the moving average of the cosines met so far, where PCGrad's is 0: gradients less alike than is usual for
the pair are turned towards each other, also where they do not conflict.
"""

import math
from typing import Annotated

import torch
from torch import Tensor

from model.combine._memory import recall
from model.registry import Bounds

# Shape suffixes: K tasks.

TARGETS = "target_cosines_KK"
LARGEST = 1 - 1e-6  # of the targets that are aimed at: 1 is out of reach


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    rate: Annotated[float, Bounds(0, 1)] = 0.01,
) -> Tensor:
    """The sum of the turned gradients; `rate` is the paper's beta, 0 is PCGrad. Every step must have the same tasks.

    Each gradient meets the others in an order drawn anew, itself as it was turned so far, the others as they were.
    """
    inner_KK = gramian_KK.double()
    num_tasks = len(inner_KK)
    targets_KK = recall(state, TARGETS, torch.zeros_like(inner_KK), "gradient vaccine").clone()
    norms = inner_KK.diagonal().clamp(min=0).sqrt().tolist()
    total_K = torch.zeros_like(inner_KK[0])
    for i in range(num_tasks):
        weights_K = torch.zeros_like(total_K)  # gradient i, as it is turned, in terms of the original ones
        weights_K[i] = 1.0
        others = [j for j in range(num_tasks) if j != i]
        for place in torch.randperm(len(others), generator=generator).tolist():
            j = others[place]
            norm = (weights_K @ inner_KK @ weights_K).clamp(min=0).sqrt().item()
            if norm * norms[j] == 0:
                continue  # no cosine
            cosine = min(max((inner_KK[j] @ weights_K).item() / (norm * norms[j]), -1.0), 1.0)
            target = targets_KK[i, j].item()
            if cosine < min(target, LARGEST):
                sine, aim = math.sqrt(1 - min(target, LARGEST) ** 2), min(target, LARGEST)
                weights_K[j] += norm / norms[j] * (aim * math.sqrt(1 - cosine**2) / sine - cosine)
            targets_KK[i, j] = (1 - rate) * target + rate * cosine
        total_K += weights_K
    state[TARGETS] = targets_KK
    return total_K.to(gramian_KK.dtype)
