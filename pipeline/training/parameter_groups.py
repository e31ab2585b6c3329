"""The optimizer's groups: parameters of one depth, those that decay apart from those that do not."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from model.multitask import MultitaskModel
from model.rates import find_depth


def group_parameters(
    model: MultitaskModel, parameters: Iterable[nn.Parameter], weight_decay: float, decay_all: bool
) -> list[dict[str, Any]]:
    """A group for each depth (`model.rates`) of the parameters, in their order; without `decay_all` up to two.

    Biases and the weights of LayerNorm, which have one dimension, do not decay then, as in BERT's own code.
    """
    names, num_layers = {parameter: name for name, parameter in model.named_parameters()}, len(model.encoder.layers)
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in parameters:
        key = find_depth(names[parameter], num_layers), decay_all or parameter.dim() > 1
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": members, "depth": depth, "weight_decay": weight_decay if decays else 0.0}
        for (depth, decays), members in groups.items()
    ]
