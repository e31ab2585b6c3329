"""Learning rates that differ by parameter: what the rate is multiplied by at a depth of the model, a file each.

A file NAME.py has

    factor(depth: int, num_layers: int, step: int, num_steps: int, *, option: type = default, ...) -> float

for depth 0, the embeddings with their LayerNorm; 1 to num_layers, the layers from the bottom up, the pooler with the
last; num_layers + 1, the heads and what else is above the encoder; at step 0 to num_steps - 1 of a leg of num_steps
steps. It is finite and at least 0, above 0 for the heads and for the top layer. At 0 a parameter is frozen for that
step: its gradient counts as 0 in the Gramian and in a clipped norm, and neither it nor its moments nor their number of
steps change. A leg with a frozen encoder trains its heads by the same factor.
Options are as `model.registry` says. The tests run over every file.
"""

from model.registry import Registry

RATES = Registry(__name__, "factor")


def find_depth(name: str, num_layers: int) -> int:
    """The depth of a parameter of a `MultitaskModel` by its name."""
    owner, part, *rest = name.split(".")
    if owner != "encoder":  # heads, pair_layer, pooling
        return num_layers + 1
    return int(rest[0]) + 1 if part == "layers" else num_layers if part == "pooler" else 0
