"""Two sentences, encoded as one sequence, to a number, by squared error: Devlin et al. 2019, section 4.1."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network
from model.reading import joined

# Shape suffixes: n examples, D hidden.


class Head(nn.Module):
    """The 2-layer network on the pair's vector, with one output: a score on the task's own scale."""

    num_sentences = 2
    labels = "scores"
    takes = joined

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = make_network(hidden_size, width, 1, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the n x D of the pairs."""
        (pairs_nD,) = pooled
        return self.network(pairs_nD).squeeze(-1)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()
