"""Losses that fall at like rates, from the losses alone: FAMO, Liu, Feng, Stone and Liu 2023, algorithm 1.

With z = softmax(x) the weights are c z_k / L_k, c so that they sum to 1. x follows how fast each loss fell: a task
whose log L fell less than the z-weighted mean gains. For how much it fell the paper evaluates the step's batch again
after the step; here the next step's batch is taken, which costs no second pass. A fall then has the noise of two
batches, most of which the next fall takes back. x moves by gradient descent, as in algorithm 1 (its code: Adam).
"""

from typing import Annotated

import torch
from torch import Tensor

from model.combine._memory import recall, require_losses
from model.registry import Bounds

# Shape suffixes: K tasks.

LOGITS, LOG_LOSSES = "logits_K", "log_losses_K"
SMALLEST = 1e-8  # of the losses: less counts as this


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    learning_rate: Annotated[float, Bounds(0)] = 0.025,
    decay: Annotated[float, Bounds(0, 1)] = 0.001,
) -> Tensor:
    """Weights with sum 1, of the task losses' gradients; `decay` (the paper's gamma) draws x to 0."""
    log_losses_K = require_losses(losses_K, "FAMO").clamp(min=SMALLEST).log()
    logits_K = recall(state, LOGITS, torch.zeros_like(log_losses_K), "FAMO")
    fall_K = recall(state, LOG_LOSSES, log_losses_K, "FAMO") - log_losses_K
    shares_K = logits_K.softmax(dim=0)
    slope_K = shares_K * (fall_K - shares_K @ fall_K) + decay * logits_K
    state[LOGITS], state[LOG_LOSSES] = logits_K - learning_rate * slope_K, log_losses_K
    return (state[LOGITS].log_softmax(dim=0) - log_losses_K).softmax(dim=0).to(gramian_KK.dtype)


def head_weights(weights_K: Tensor) -> Tensor:
    """The loss is weighted as a whole, so a head's gradient too."""
    return weights_K
