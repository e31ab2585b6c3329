"""Pooling: one vector for each sequence from its tokens' hidden states, a file each.

A file NAME.py has

    USES_POOLER: bool                                   whether it uses the encoder's pooler, which is trained then
    pool(hidden_TD, batch, encoder, *, option: type = default, ...) -> vectors_BD

for T packed tokens of B sequences. Hidden states come in the precision of computation; vectors, and so the heads on
them, are in that of the parameters. Options are as `model.registry` says. The tests run over every file. It may have

    LAYERS: tuple[int, ...]                             it sees the mean of the states after these layers: 1 is the
                                                        first, -1 the last, which alone it sees without LAYERS
    make_parameters(hidden_size) -> {name: Parameter}   what it learns, handed to `pool` by name; trained as the
                                                        encoder is, and left as it is where that is frozen
"""

from importlib import import_module

from torch import nn

from model.bert import LAST
from model.registry import Choice, Registry, split_choice

POOLINGS = Registry(__name__, "pool")
USES_POOLER = Registry(__name__, "USES_POOLER")


def find_layers(choice: Choice) -> tuple[int, ...]:
    """The layers whose states the chosen pooling sees."""
    return getattr(import_module(f"{__name__}.{split_choice(choice)[0]}"), "LAYERS", LAST)


def make_parameters(choice: Choice, hidden_size: int) -> dict[str, nn.Parameter]:
    """What the chosen pooling learns, by name."""
    make = getattr(import_module(f"{__name__}.{split_choice(choice)[0]}"), "make_parameters", None)
    return make(hidden_size) if make else {}
