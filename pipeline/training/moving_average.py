"""An average of the weights that a leg trains, beside the weights themselves; `model/averages/` says of which."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pipeline.training.checkpoint import State


@torch.no_grad()
def average_(average: dict[str, Tensor], weights: Mapping[str, nn.Parameter], share: float) -> None:
    """Move the average by a share of its distance to the weights, or begin it with them; at 0 nothing is done."""
    if share and average:
        torch._foreach_lerp_([average[name] for name in weights], list(weights.values()), share)
    elif share:
        average |= {name: weight.detach().clone() for name, weight in weights.items()}


@contextmanager
def averaged(state: State) -> Iterator[None]:
    """Within it the model has the average in place of its weights, where there is one."""
    _exchange_(state.model, state.average)
    try:
        yield
    finally:
        _exchange_(state.model, state.average)


def _exchange_(model: nn.Module, average: dict[str, Tensor]) -> None:
    for name, tensor in list(average.items()):
        parameter = model.get_parameter(name)
        average[name], parameter.data = parameter.data, tensor
