"""A mean of a sequence's tokens with weights softmax(x . q), q being learned: Yang et al. 2016, equations 6 and 7.

On the states as they are, without the layer of equation 5. q begins at 0, where this is the mean (`mean`).
"""

import torch
from torch import Tensor, nn

from model.bert import MiniBert
from model.packing import PackedBatch

# Shape suffixes: T packed tokens, B sequences, D hidden.

USES_POOLER = False


def make_parameters(hidden_size: int) -> dict[str, nn.Parameter]:
    """The query."""
    return {"query_D": nn.Parameter(torch.zeros(hidden_size))}


def pool(hidden_TD: Tensor, batch: PackedBatch, encoder: MiniBert, query_D: Tensor) -> Tensor:
    """B x D."""
    hidden_TD = hidden_TD.to(encoder.pooler.weight.dtype)
    scores_T = hidden_TD @ query_D
    highest_B = torch.segment_reduce(scores_T.detach(), "max", offsets=batch.bounds_B1, axis=0)  # so that exp is finite
    weights_T = (scores_T - highest_B.repeat_interleave(batch.bounds_B1.diff(), output_size=len(scores_T))).exp()
    weighted_TD = weights_T.unsqueeze(1) * hidden_TD
    sums_BD, sums_B = (
        torch.segment_reduce(each, "sum", offsets=batch.bounds_B1, axis=0) for each in (weighted_TD, weights_T)
    )
    return sums_BD / sums_B.unsqueeze(1)
