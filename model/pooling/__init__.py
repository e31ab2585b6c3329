"""Pooling: one vector for each sequence from its tokens' hidden states, a file each.

A file NAME.py has

    USES_POOLER: bool                                   whether it uses the encoder's pooler, which is trained then
    pool(hidden_TD, batch, encoder, *, option: type = default, ...) -> vectors_BD

for T packed tokens of B sequences. Hidden states come in the precision of computation; vectors, and so the heads on
them, are in that of the parameters. Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

POOLINGS = Registry(__name__, "pool")
USES_POOLER = Registry(__name__, "USES_POOLER")
