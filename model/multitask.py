"""One encoder under several task heads: hard parameter sharing, Caruana 1997."""

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from model.bert import MiniBert
from model.heads import TaskShape
from model.kernels import FixedWeights
from model.packing import PackedBatch
from model.pooling import POOLINGS, USES_POOLER, find_layers, make_parameters
from model.reading import find_reading
from model.registry import Choice, split_choice

# Shape suffixes: B sequences, D hidden, S sentences of each of n examples. B = n * V, V = S or what the head takes.


class MultitaskModel(nn.Module):
    """A shared encoder and one head per task; `shapes` are those of the tasks, `pooling` a choice of `POOLINGS`.

    `pair_layer` is the `Layer` of what some head takes (model/reading/). A head that does not fit its task is a
    `ValueError`, as is an unknown pooling. What a pooling learns begins as torch's generator draws it.
    """

    def __init__(
        self,
        encoder: MiniBert,
        heads: dict[str, nn.Module],
        shapes: dict[str, TaskShape],
        pooling: Choice,
        pair_layer: nn.Module | None = None,
    ) -> None:
        super().__init__()
        for task, head in heads.items():
            if not shapes[task].fits(head):
                fitted = f"{head.num_sentences} sentences and {head.labels}"
                found = f"{shapes[task].num_sentences} and {shapes[task].labels}"
                raise ValueError(f"task {task}: its head is for {fitted}, the task has {found}")
            if hasattr(find_reading(head), "Layer") and pair_layer is None:
                raise ValueError(f"task {task}: its head takes the output of a pair layer, the model has none")
        self.encoder = encoder
        self.heads = nn.ModuleDict(heads)
        self.pair_layer = pair_layer
        self.shapes = shapes
        self.pool = POOLINGS.bind(pooling)
        self.pooling = nn.ParameterDict(make_parameters(pooling, encoder.config.hidden_size))
        self.layers = find_layers(pooling)
        self.uses_pooler: bool = USES_POOLER[split_choice(pooling)[0]]

    def pack(self, task: str, sentences: Sequence[Sequence[int]]) -> PackedBatch:
        """A batch of the task's examples, of all first sentences, then all second ones, on the model's device.

        Training, evaluation and serving read examples through this function alone.
        """
        batch = find_reading(self._head(task)).pack(sentences, self.encoder.config.max_positions)
        return batch.to(next(self.parameters()).device)

    def count_tokens(self, task: str, lengths_nS):
        """How many tokens `pack` makes of each example, n, given those of its sentences; arrays or tensors."""
        return find_reading(self._head(task)).count_tokens(lengths_nS, self.encoder.config.max_positions)

    def encode(self, batch: PackedBatch, fixed: FixedWeights | None = None) -> Tensor:
        """Vectors B x D of the sequences; `fixed` as in `MiniBert.forward`."""
        return self.pool(self.encoder(batch, fixed, self.layers), batch, self.encoder, **self.pooling)

    def forward(self, task: str, batch: PackedBatch, fixed: FixedWeights | None = None) -> Tensor:
        """The task's output for a batch of its examples that `pack` made."""
        return self.forward_head(task, self.encode(batch, fixed))

    def forward_head(self, task: str, pooled_BD: Tensor) -> Tensor:
        """The task's output for vectors in the order of `pack`; a frozen encoder's can be kept and reused."""
        head = self._head(task)
        reading, num_sentences = find_reading(head), self.shapes[task].num_sentences
        num_sequences, num_vectors = len(pooled_BD), reading.count_vectors(num_sentences)
        if num_sequences % num_vectors:
            raise ValueError(f"task {task} takes {num_vectors} sentences per example, the batch has {num_sequences}")
        vectors = pooled_BD.chunk(num_vectors)
        return head((self.pair_layer(*vectors),) if hasattr(reading, "Layer") else vectors)

    def shared_parameters(self, tasks: Iterable[str] | None = None) -> list[nn.Parameter]:
        """The parameters beside the heads' that the loss of some of the tasks (None: of all) depends on."""
        unused = () if self.uses_pooler else ("pooler.weight", "pooler.bias")
        encoder = [parameter for name, parameter in self.encoder.named_parameters() if name not in unused]
        return [*encoder, *self.pooling.parameters(), *self.pair_parameters(self.heads if tasks is None else tasks)]

    def pair_parameters(self, tasks: Iterable[str]) -> list[nn.Parameter]:
        """Those of the pair layer, where the head of one of the tasks takes its output."""
        takes = any(hasattr(find_reading(self._head(task)), "Layer") for task in tasks)
        return list(self.pair_layer.parameters()) if takes else []

    def head_parameters(self, task: str) -> list[nn.Parameter]:
        return list(self._head(task).parameters())

    def _head(self, task: str) -> nn.Module:
        if task not in self.heads:
            raise ValueError(f"task {task!r} has no head: there are {', '.join(self.heads)}")
        return self.heads[task]
