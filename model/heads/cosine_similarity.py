"""Two sentences to a similarity, by squared error: the cosine of what a network makes of each, on the task's scale."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network
from model.heads._range import find_range

# Shape suffixes: n examples, D hidden.


class Head(nn.Module):
    """low + (high - low) * cosine for labels from low to high: 5 * cosine for the STS benchmark (Cer et al. 2017).

    The cosine is not clipped at 0, where its gradient would vanish, so a score may lie below `low`.
    """

    num_sentences = 2
    labels = "scores"

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.low, self.high = find_range(task, "cosine_similarity")
        self.network = make_network(hidden_size, width, width, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the two n x D."""
        first_nD, second_nD = pooled
        cosine_n = F.cosine_similarity(self.network(first_nD).float(), self.network(second_nD).float())
        return self.low + (self.high - self.low) * cosine_n

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()
