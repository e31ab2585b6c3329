"""The mean of a sequence's tokens over the mean of the first and the last layer's states: Su et al. 2021.

Li et al. 2020 had averaged layers before. The first layer is not the embeddings.
"""

from torch import Tensor

from model.bert import MiniBert
from model.packing import PackedBatch
from model.pooling import mean

# Shape suffixes: T packed tokens, B sequences, D hidden.

USES_POOLER = False
LAYERS = (1, -1)


def pool(hidden_TD: Tensor, batch: PackedBatch, encoder: MiniBert) -> Tensor:
    """B x D."""
    return mean.pool(hidden_TD, batch, encoder)
