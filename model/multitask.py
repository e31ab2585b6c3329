"""One encoder under several task heads: hard parameter sharing, Caruana 1997."""

from torch import Tensor, nn

from model.bert import MiniBert
from model.heads import TaskShape
from model.kernels import FixedWeights
from model.packing import PackedBatch
from model.pooling import POOLINGS, USES_POOLER
from model.registry import Choice, split_choice

# Shape suffixes: B sequences, D hidden. B = S * n for n examples of S sentences.


class MultitaskModel(nn.Module):
    """A shared encoder and one head per task; `shapes` are those of the tasks, `pooling` a choice of `POOLINGS`.

    A head that does not fit its task is a `ValueError`, as is an unknown pooling.
    """

    def __init__(
        self, encoder: MiniBert, heads: dict[str, nn.Module], shapes: dict[str, TaskShape], pooling: Choice
    ) -> None:
        super().__init__()
        for task, head in heads.items():
            if not shapes[task].fits(head):
                fitted = f"{head.num_sentences} sentences and {head.labels}"
                found = f"{shapes[task].num_sentences} and {shapes[task].labels}"
                raise ValueError(f"task {task}: its head is for {fitted}, the task has {found}")
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.shapes = shapes
        self.pool = POOLINGS.bind(pooling)
        self.uses_pooler: bool = USES_POOLER[split_choice(pooling)[0]]

    def encode(self, batch: PackedBatch, fixed: FixedWeights | None = None) -> Tensor:
        """Sentence vectors B x D; `fixed` as in `MiniBert.forward`."""
        return self.pool(self.encoder(batch, fixed), batch, self.encoder)

    def forward(self, task: str, batch: PackedBatch, fixed: FixedWeights | None = None) -> Tensor:
        """The task's output for a batch that packs all first sentences, then all second ones."""
        return self.forward_head(task, self.encode(batch, fixed))

    def forward_head(self, task: str, pooled_BD: Tensor) -> Tensor:
        """The task's output for sentence vectors in the same order; a frozen encoder's can be kept and reused."""
        head = self._head(task)
        num_sequences, num_sentences = len(pooled_BD), self.shapes[task].num_sentences
        if num_sequences % num_sentences:
            raise ValueError(f"task {task} takes {num_sentences} sentences per example, the batch has {num_sequences}")
        return head(pooled_BD.chunk(num_sentences))

    def shared_parameters(self) -> list[nn.Parameter]:
        """The encoder's parameters that some task's loss depends on."""
        unused = () if self.uses_pooler else ("pooler.weight", "pooler.bias")
        return [parameter for name, parameter in self.encoder.named_parameters() if name not in unused]

    def head_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self._head(task).parameters())

    def _head(self, task: str) -> nn.Module:
        if task not in self.heads:
            raise ValueError(f"task {task!r} has no head: there are {', '.join(self.heads)}")
        return self.heads[task]
