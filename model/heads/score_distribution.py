"""Two sentences to a score, the mean of a distribution over whole scores; Tai, Socher and Manning 2015, section 4.2.

The paper's network has a sigmoid where this has a ReLU and dropout.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network
from model.heads._range import find_range

# Shape suffixes: n examples, D hidden, L levels.


class Head(nn.Module):
    """The 2-layer network on [|u - v|; u * v], with an output for each whole number of the label_range.

    A range that ends between two whole numbers is rounded outwards.
    """

    num_sentences = 2
    labels = "scores"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        lowest, highest = find_range(task, "score_distribution")
        low, high = math.floor(lowest), math.ceil(highest)
        self.register_buffer("levels_L", torch.arange(low, high + 1.0), persistent=False)
        self.network = make_network(2 * hidden_size, width, high - low + 1, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x L of the levels from the two n x D."""
        first_nD, second_nD = pooled
        return self.network(torch.cat([(first_nD - second_nD).abs(), first_nD * second_nD], dim=-1))

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        """KL(p, p_hat), mean over examples; p is on the two levels beside a label, with the label as its mean."""
        target_nL = (1 - (labels_n.float()[:, None] - self.levels_L).abs()).clamp(min=0)
        return F.kl_div(output.float().log_softmax(dim=-1), target_nL, reduction="batchmean")

    def predict(self, output: Tensor) -> Tensor:
        """The mean of each example's distribution."""
        return output.float().softmax(dim=-1) @ self.levels_L
