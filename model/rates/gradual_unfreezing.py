"""Layers that join the training one by one, from the top: Howard and Ruder 2018 (ULMFiT), section 3.3."""

from typing import Annotated

from model.registry import Bounds


def factor(
    depth: int,
    num_layers: int,
    step: int,
    num_steps: int,
    *,
    fraction: Annotated[float, Bounds(0, 1)] = 0.5,
) -> float:
    """1, but 0 while frozen: heads and top layer never are, and every 1/num_layers of `fraction` of the leg one more
    layer thaws, the embeddings at its end."""
    num_above = max(0, num_layers - depth)
    return float(step * num_layers >= num_above * fraction * num_steps)
