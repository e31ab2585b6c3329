"""One sentence to one of C classes, by cross entropy."""

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from model.heads import TaskShape
from model.heads._network import make_network
from model.registry import Bounds

# Shape suffixes: n examples, D hidden, C classes.


class Head(nn.Module):
    """The 2-layer network on the sentence's vector; `label_smoothing` as Szegedy et al. 2016, section 7."""

    num_sentences = 1
    labels = "classes"

    def __init__(
        self,
        task: TaskShape,
        hidden_size: int,
        width: int,
        dropout: float,
        *,
        label_smoothing: Annotated[float, Bounds(0, 0.99)] = 0.0,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.network = make_network(hidden_size, width, task.num_classes, dropout)

    def forward(self, pooled: tuple[Tensor, ...]) -> Tensor:
        """Logits n x C from the n x D of the sentences."""
        (sentences_nD,) = pooled
        return self.network(sentences_nD)

    def loss(self, output: Tensor, labels_n: Tensor) -> Tensor:
        return F.cross_entropy(output.float(), labels_n.long(), label_smoothing=self.label_smoothing)

    def predict(self, output: Tensor) -> Tensor:
        """The likeliest class of each example, as a float."""
        return output.argmax(dim=-1).float()
