"""Two sentences, each encoded alone, to one of C classes, by cross entropy."""

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import join, make_network
from model.registry import Bounds

# Shape suffixes: n examples, D hidden, C classes.


class Head(nn.Module):
    """The 2-layer network on both vectors laid side by side, with `compare` on |u - v| and u * v too.

    `label_smoothing` as Szegedy et al. 2016, section 7.
    """

    num_sentences = 2
    labels = "classes"

    def __init__(
        self,
        task: TaskShape,
        hidden_size: int,
        width: int,
        dropout: float,
        *,
        compare: bool = False,
        label_smoothing: Annotated[float, Bounds(0, 0.99)] = 0.0,
    ) -> None:
        super().__init__()
        self.compare, self.label_smoothing = compare, label_smoothing
        self.network = make_network((4 if compare else 2) * hidden_size, width, task.num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the two n x D, concatenated."""
        first_nD, second_nD = pooled
        return self.network(join(first_nD, second_nD, self.compare))

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long(), label_smoothing=self.label_smoothing)

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()
