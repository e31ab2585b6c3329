"""Uncertainty weighting: Kendall, Gal and Cipolla 2018, equation 10, each task's loss over a variance that is learned.

Minimised are exp(-s_k) * loss_k + s_k / 2 over the weights and over s_k, the logarithm of task k's variance; the factor
of 1/2 that the paper has before the squared error alone is left out.
"""

from typing import Annotated

import torch
from torch import Tensor

from model.registry import Bounds

# Shape suffixes: K tasks.

LOG_VARIANCES = "log_variances_K"


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    learning_rate: Annotated[float, Bounds(0, 1)] = 0.02,
) -> Tensor:
    """exp(-s_K), after a step of gradient descent on s_K at this learning rate; every step must have the same tasks."""
    if losses_K is None or state is None:
        raise ValueError("uncertainty weighting needs the losses and a state")
    log_variances_K = state.get(LOG_VARIANCES, torch.zeros_like(losses_K))
    if len(log_variances_K) != len(losses_K):
        was, now = len(log_variances_K), len(losses_K)
        raise ValueError(f"uncertainty weighting: {now} tasks in this step, {was} before; every step must have all")
    slope_K = 0.5 - torch.exp(-log_variances_K) * losses_K
    # A loss far above its variance would throw s_k past the optimum: one step goes at most the learning rate.
    state[LOG_VARIANCES] = log_variances_K - learning_rate * slope_K.clamp(-1, 1)
    return torch.exp(-state[LOG_VARIANCES])


def head_weights(weights_K: Tensor) -> Tensor:
    """The loss is weighted as a whole, so a head's gradient too."""
    return weights_K
