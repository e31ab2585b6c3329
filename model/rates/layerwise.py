"""A lower learning rate for lower layers: Sun et al. 2019 ("How to fine-tune BERT"), section 5.3.3."""

from typing import Annotated

from model.registry import Bounds


def factor(
    depth: int,
    num_layers: int,
    step: int,
    num_steps: int,
    *,
    decay: Annotated[float, Bounds(0, 1)] = 0.95,
    heads: Annotated[float, Bounds(0.001)] = 1.0,
) -> float:
    """`decay` to the power of the number of layers above: 1 for the top layer; `heads` for the heads."""
    return heads if depth > num_layers else decay ** (num_layers - depth)
