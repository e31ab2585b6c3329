"""The mean of a sequence's tokens, [CLS] and [SEP] among them."""

import torch
from torch import Tensor

from model.bert import MiniBert
from model.packing import PackedBatch

# Shape suffixes: T packed tokens, B sequences, D hidden.

USES_POOLER = False


def pool(hidden_TD: Tensor, batch: PackedBatch, encoder: MiniBert) -> Tensor:
    """B x D."""
    hidden_TD = hidden_TD.to(encoder.pooler.weight.dtype)
    return torch.segment_reduce(hidden_TD, "mean", offsets=batch.bounds_B1, axis=0)
