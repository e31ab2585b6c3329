"""One encoder under several task heads: hard parameter sharing, Caruana 1997."""

from torch import Tensor, nn

from model.bert import POOLINGS, MiniBert
from model.packing import PackedBatch

# Shape suffixes: B sequences, D hidden. B = S * n for n examples of S sentences.


class MultitaskModel(nn.Module):
    """A shared encoder and one head per task."""

    def __init__(self, encoder: MiniBert, heads: dict[str, nn.Module], pooling: str) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"pooling {pooling!r} is not one of {', '.join(POOLINGS)}")
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.pooling = pooling

    def encode(self, batch: PackedBatch) -> Tensor:
        """Sentence vectors B x D."""
        return self.encoder.pool(self.encoder(batch), batch, self.pooling)

    def forward(self, task: str, batch: PackedBatch) -> Tensor:
        """The task's output for a batch that packs all first sentences, then all second ones."""
        return self.forward_head(task, self.encode(batch))

    def forward_head(self, task: str, pooled_BD: Tensor) -> Tensor:
        """The task's output for sentence vectors in the same order; a frozen encoder's can be kept and reused."""
        head = self._head(task)
        num_sequences, sentences = len(pooled_BD), head.sentences_per_example
        if num_sequences % sentences:
            raise ValueError(f"task {task} takes {sentences} sentences per example, the batch has {num_sequences}")
        return head(pooled_BD.chunk(sentences))

    def shared_parameters(self) -> list[nn.Parameter]:
        """The encoder's parameters that some task's loss depends on."""
        unused = () if self.pooling == "pooler" else ("pooler.weight", "pooler.bias")
        return [parameter for name, parameter in self.encoder.named_parameters() if name not in unused]

    def head_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self._head(task).parameters())

    def _head(self, task: str) -> nn.Module:
        if task not in self.heads:
            raise ValueError(f"task {task!r} has no head: there are {', '.join(self.heads)}")
        return self.heads[task]
