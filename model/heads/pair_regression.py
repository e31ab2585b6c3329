"""Two sentences to a number, by squared error, without a cosine (the paper's iteration 1)."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import join, make_network

# Shape suffixes: n examples, D hidden.


class Head(nn.Module):
    """The 2-layer network on both vectors laid side by side, with `compare` on |u - v| and u * v too; one output."""

    num_sentences = 2
    labels = "scores"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float, *, compare: bool = False) -> None:
        super().__init__()
        self.compare = compare
        self.network = make_network((4 if compare else 2) * hidden_size, width, 1, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the two n x D, concatenated."""
        first_nD, second_nD = pooled
        return self.network(join(first_nD, second_nD, self.compare)).squeeze(-1)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()
