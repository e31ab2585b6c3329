"""Two sentences to a score, by squared error: the cosine of their vectors (Reimers and Gurevych 2019, section 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._range import find_range

# Shape suffixes: n examples, D hidden.


class Head(nn.Module):
    """intercept + slope * cosine, which begins as low + (high - low) * cosine for labels from low to high.

    No network and no dropout stand between the encoder and the cosine, so an encoder made for it keeps what it knows:
    `head_width` and `head_dropout` are nothing to it. At the encoder's learning rate the line hardly moves.
    """

    num_sentences = 2
    labels = "scores"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        low, high = find_range(task, "raw_cosine")
        self.intercept = nn.Parameter(torch.tensor(float(low)))
        self.slope = nn.Parameter(torch.tensor(float(high - low)))

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the two n x D."""
        first_nD, second_nD = pooled
        return self.intercept + self.slope * F.cosine_similarity(first_nD.float(), second_nD.float())

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()
