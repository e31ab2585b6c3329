"""BERT's own: tanh of a linear map of [CLS]'s vector (Devlin et al. 2019)."""

import torch
from torch import Tensor

from model.bert import MiniBert
from model.packing import PackedBatch
from model.pooling import cls

# Shape suffixes: T packed tokens, B sequences, D hidden.

USES_POOLER = True


def pool(hidden_TD: Tensor, batch: PackedBatch, encoder: MiniBert) -> Tensor:
    """B x D."""
    return torch.tanh(encoder.pooler(cls.pool(hidden_TD, batch, encoder)))
