"""Dynamic weight average: Liu, Johns and Davison 2019, equation 7, more weight for the losses that fall less.

The paper compares the mean losses of the last two epochs. Here they are those of the last two windows of a number of
steps: a fine-tuning has few epochs.
"""

from typing import Annotated

import torch
from torch import Tensor

from model.combine._memory import recall, require_losses
from model.registry import Bounds

# Shape suffixes: K tasks.

RATIOS, LAST, TOTAL, STEPS = "ratios_K", "last_means_K", "window_totals_K", "steps"
SMALLEST = 1e-8  # of the mean losses that are divided by: less counts as this


def combine(
    gramian_KK: Tensor,
    generator: torch.Generator,
    losses_K: Tensor | None = None,
    state: dict[str, Tensor] | None = None,
    *,
    window: Annotated[int, Bounds(1)] = 100,
    temperature: Annotated[float, Bounds(0.01)] = 2.0,
) -> Tensor:
    """K softmax(r / temperature), r each task's mean loss in the last window over that in the one before.

    Weights are 1 in the first two windows. A high temperature keeps them there. Every step must have the same tasks.
    """
    losses_K = require_losses(losses_K, "dynamic weight average")
    total_K = recall(state, TOTAL, torch.zeros_like(losses_K), "dynamic weight average")
    steps = int(state.get(STEPS, 0))
    if steps > 0 and steps % window == 0:
        mean_K, total_K = total_K / window, torch.zeros_like(total_K)
        if steps >= 2 * window:
            state[RATIOS] = mean_K / state[LAST].clamp(min=SMALLEST)
        state[LAST] = mean_K
    state[TOTAL], state[STEPS] = total_K + losses_K, torch.tensor(steps + 1)
    ratios_K = state.get(RATIOS, torch.ones_like(losses_K))
    return (len(losses_K) * (ratios_K / temperature).softmax(dim=0)).to(gramian_KK.dtype)


def head_weights(weights_K: Tensor) -> Tensor:
    """The loss is weighted as a whole, so a head's gradient too."""
    return weights_K
