"""Two sentences to one of C classes by cross entropy, on a pair layer that the tasks share (the paper, section 5)."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.reading import pair

# Shape suffixes: n examples, W width of the pair layer, C classes.


class Head(nn.Module):
    """A linear map of the pair layer's output, with dropout before it."""

    num_sentences = 2
    labels = "classes"
    takes = pair

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden_size, task.num_classes))

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the n x W of the pairs."""
        (pairs_nW,) = pooled
        return self.network(pairs_nW)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long())

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()
