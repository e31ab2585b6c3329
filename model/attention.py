"""Multi-head self-attention over packed sequences: Vaswani et al. 2017, section 3.2."""

from torch import Tensor, nn

from model.kernels import FixedWeights, StackedLinear, attend
from model.packing import PackedBatch

# Shape suffixes: R rows (the packed tokens and their filler), D hidden.


class SelfAttention(nn.Module):
    """softmax(QK^T / sqrt(H)) V for each head of size H, then a linear map of the heads laid side by side."""

    def __init__(self, hidden_size: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} is not a multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(hidden_size, hidden_size)
        self.key = nn.Linear(hidden_size, hidden_size)
        self.value = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self._qkv = StackedLinear(self.query, self.key, self.value)
        self._output = StackedLinear(self.output)

    def forward(self, hidden_RD: Tensor, batch: PackedBatch, biases: list[Tensor], fixed: FixedWeights) -> Tensor:
        """Map R x D to R x D; a token attends to the tokens of its own sequence.

        `biases` are `kernels.attention_biases` of the batch, the same for every layer.
        """
        dropout = self.dropout if self.training else 0.0
        context_RD = attend(self._qkv(hidden_RD, fixed), batch, biases, self.num_heads, dropout)
        return self._output(context_RD, fixed)
