"""The vector of the first token, [CLS]."""

from torch import Tensor

from model.bert import MiniBert
from model.packing import PackedBatch

# Shape suffixes: T packed tokens, B sequences, D hidden.

USES_POOLER = False


def pool(hidden_TD: Tensor, batch: PackedBatch, encoder: MiniBert) -> Tensor:
    """B x D."""
    return hidden_TD.index_select(0, batch.bounds_B1[:-1]).to(encoder.pooler.weight.dtype)
