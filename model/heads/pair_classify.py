"""Two sentences, each encoded alone, to one of C classes, by cross entropy."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network

# Shape suffixes: n examples, D hidden, C classes.


class Head(nn.Module):
    """The 2-layer network on both vectors laid side by side."""

    num_sentences = 2
    labels = "classes"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = make_network(2 * hidden_size, width, task.num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the two n x D, concatenated."""
        first_nD, second_nD = pooled
        return self.network(torch.cat([first_nD, second_nD], dim=-1))

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long())

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()
