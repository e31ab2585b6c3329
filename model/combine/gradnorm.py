"""Gradient norms that follow how far each loss has fallen: GradNorm, Chen et al. 2018, algorithm 1.

With G_k = w_k |g_k| and r_k = L_k / L_k(0) over the mean of these, the weights descend sum_k |G_k - mean(G) r_k^alpha|,
whose second terms are held fixed, and are then scaled to the sum K. Norms are taken as multiples of their mean, so that
the learning rate has no unit; a weight does not fall below a hundredth.
"""

from typing import Annotated

import torch
from torch import Tensor

from model.combine._memory import recall, require_losses
from model.registry import Bounds

# Shape suffixes: K tasks.

WEIGHTS, FIRST_LOSSES = "weights_K", "first_losses_K"
SMALLEST, SMALLEST_WEIGHT = 1e-8, 0.01  # of the losses and norms that are divided by; of the weights


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    learning_rate: Annotated[float, Bounds(0)] = 0.025,
    alpha: Annotated[float, Bounds(0)] = 1.5,
) -> Tensor:
    """Weights with sum K, of the task losses; `alpha` 0 makes all norms alike, more gives more to slow losses."""
    losses_K = require_losses(losses_K, "GradNorm").clamp(min=SMALLEST)
    weights_K = recall(state, WEIGHTS, torch.ones_like(losses_K), "GradNorm")
    first_K = recall(state, FIRST_LOSSES, losses_K, "GradNorm")
    falls_K = losses_K / first_K
    norms_K = gramian_KK.double().diagonal().clamp(min=0).sqrt()
    norms_K = norms_K / norms_K.mean().clamp(min=SMALLEST)
    weighted_K = weights_K * norms_K
    targets_K = weighted_K.mean() * (falls_K / falls_K.mean()) ** alpha
    moved_K = (weights_K - learning_rate * (weighted_K - targets_K).sign() * norms_K).clamp(min=SMALLEST_WEIGHT)
    state[FIRST_LOSSES], state[WEIGHTS] = first_K, len(moved_K) * moved_K / moved_K.sum()
    return state[WEIGHTS].to(gramian_KK.dtype)


def head_weights(weights_K: Tensor) -> Tensor:
    """The loss is weighted as a whole, so a head's gradient too."""
    return weights_K
