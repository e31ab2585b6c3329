"""Two sentences to a number by squared error, on a pair layer that the tasks share (the paper, section 5)."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.reading import pair

# Shape suffixes: n examples, W width of the pair layer.


class Head(nn.Module):
    """A linear map of the pair layer's output to a score on the task's own scale, with dropout before it."""

    num_sentences = 2
    labels = "scores"
    takes = pair

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, 1))

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Scores n from the n x W of the pairs."""
        (pairs_nW,) = pooled
        return self.network(pairs_nW).squeeze(-1)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.mse_loss(output.float(), labels_n.float())

    def predict(self, output: Tensor) -> Tensor:
        return output.float()
