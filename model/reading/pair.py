"""Each sentence encoded alone, then one layer on the two vectors, shared by the tasks: the paper, section 5."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.reading import sentences

# Shape suffixes: n examples, D hidden, W the layer's width.

pack, count_tokens, count_vectors = sentences.pack, sentences.count_tokens, sentences.count_vectors


class Layer(nn.Module):
    """relu(W [u; v; |u - v|; u * v] + b) with dropout before it: the features of Conneau et al. 2017, figure 1.

    It is the first half of the heads' 2-layer network, so that a head of one linear map on it is as deep as a head
    without it, and what is shared is the only difference.
    """

    def __init__(self, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(4 * hidden_size, width)

    def forward(self, first_nD: Tensor, second_nD: Tensor) -> Tensor:
        """n x W from the two n x D."""
        features = [first_nD, second_nD, (first_nD - second_nD).abs(), first_nD * second_nD]
        return F.relu(self.linear(self.dropout(torch.cat(features, dim=-1))))
