"""Task heads: from sentence vectors to an output, with its loss and the prediction it makes; a file each.

A file NAME.py has a class `Head(task: TaskShape, hidden_size: int, width: int, dropout: float, *, option: type =
default, ...)`, an `nn.Module` of any architecture with

    num_sentences = 1 or 2, labels = "classes" or "scores"       what tasks it fits
    forward(pooled: tuple[Tensor, ...]) -> output                 from one n x D for each sentence of an example
    loss(output, labels_n) -> a number, fp32
    predict(output) -> predictions_n, fp32                        a class, or a score

For classes, `output` is logits n x C: their softmax is the classes' probabilities, the prediction need not be the
likeliest. For scores, it has n rows, of which `predict` makes the n scores, differentiably. `width` is that of what it
has in between. Options are as `model.registry` says. The tests run over every file.

A head of pairs may have `takes`, a file of `model/reading/`: with `joined` both sentences are encoded as one sequence,
with `pair` a layer that the tasks share makes one vector of the two. Then `pooled` is one n x `hidden_size`.
"""

from dataclasses import dataclass
from typing import Any

from model.registry import Registry

HEADS = Registry(__name__, "Head")


@dataclass(frozen=True)
class TaskShape:
    """What a task asks of its head."""

    num_sentences: int  # of an example, 1 or 2
    num_classes: int | None  # labels are classes 0 to num_classes - 1; None: labels are scores
    label_range: tuple[float, float] | None = None  # the smallest and the largest score

    @property
    def labels(self) -> str:
        """What the labels are: "classes" or "scores"."""
        return "scores" if self.num_classes is None else "classes"

    def fits(self, head: Any) -> bool:
        """Whether a `Head`, the class or an instance, is for tasks of this shape."""
        return (head.num_sentences, head.labels) == (self.num_sentences, self.labels)
