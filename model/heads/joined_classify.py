"""Two sentences, encoded as one sequence, to one of C classes, by cross entropy: Devlin et al. 2019, section 4.1."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network
from model.reading import joined

# Shape suffixes: n examples, D hidden, C classes.


class Head(nn.Module):
    """The 2-layer network on the pair's vector."""

    num_sentences = 2
    labels = "classes"
    takes = joined

    def __init__(self, task: TaskShape, hidden_size: int, width: int, dropout: float) -> None:
        super().__init__()
        self.network = make_network(hidden_size, width, task.num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the n x D of the pairs."""
        (pairs_nD,) = pooled
        return self.network(pairs_nD)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long())

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()
