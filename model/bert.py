"""miniBERT, the encoder, on packed batches: Devlin et al. 2019, section 3; layers after Vaswani et al. 2017."""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.attention import SelfAttention
from model.kernels import FixedWeights, StackedLinear, add_norm, attention_biases, dropout
from model.packing import PackedBatch

# Shape suffixes: T packed tokens, R rows (the tokens and their filler), B sequences, D hidden, F feed-forward.

# By the names of `hidden_act` in Hugging Face's configurations.
ACTIVATIONS = {
    "gelu": F.gelu,  # the exact form, with erf (Hendrycks and Gimpel 2016)
    "gelu_new": partial(F.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
}

# Standard deviation of BERT's initial weights (`initializer_range` in the published configurations).
INITIAL_STD = 0.02

LAST = (-1,)  # the layers whose states are wanted: the last alone


@dataclass(frozen=True)
class BertConfig:
    """The shape of an encoder and its dropout."""

    vocab_size: int  # token ids are 0 to vocab_size - 1
    hidden_size: int
    num_layers: int
    num_heads: int  # divides hidden_size
    intermediate_size: int  # width of the feed-forward layer
    max_positions: int  # longest sequence, in tokens
    num_token_types: int  # type 0, and 1 of the second sentence where two are one sequence
    layer_norm_eps: float
    hidden_dropout: float  # probability, on embeddings and on what a residual connection adds
    attention_dropout: float  # probability, on attention weights
    activation: str = "gelu"  # of the feed-forward layer, a name of `ACTIVATIONS`


class MiniBert(nn.Module):
    """BERT's encoder with its pooler; initial weights are drawn from torch's global generator.

    `compute_dtype` is the precision in which the layers compute, whatever that of the parameters; None: the same.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.compute_dtype: torch.dtype | None = None
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_positions, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.num_token_types, config.hidden_size)
        self.embedding_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(BertLayer(config) for _ in range(config.num_layers))
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)
        self.apply(_initialize_)

    def forward(self, batch: PackedBatch, fixed: FixedWeights | None = None, layers: tuple[int, ...] = LAST) -> Tensor:
        """The hidden states T x D of every token after the last layer, in the precision of computation.

        `fixed` is what this pass shares with others, between which no weight changes. Of several `layers`, from 1 on or
        from -1 back, it is the mean of their states. A sequence longer than `max_positions` is a `ValueError`, as is a
        batch of two types for an encoder of one.
        """
        if max(batch.lengths) > self.config.max_positions:
            raise ValueError(
                f"sequence {batch.lengths.index(max(batch.lengths))} has {max(batch.lengths)} tokens: "
                f"at most {self.config.max_positions} are allowed"
            )
        types = self.token_type_embeddings
        if batch.types_T is not None and types.num_embeddings < 2:
            raise ValueError("the batch has token types 0 and 1, the encoder num_token_types 1: 2 are needed")
        hidden_TD = (
            self.word_embeddings(batch.ids_T)
            + self.position_embeddings(batch.positions_T)
            + (types.weight[0] if batch.types_T is None else types(batch.types_T))
        )
        hidden_TD = dropout(self.embedding_norm(hidden_TD), self.config.hidden_dropout if self.training else 0.0)
        hidden_RD = F.pad(hidden_TD.to(self.compute_dtype or hidden_TD.dtype), (0, 0, 0, batch.num_fillers))
        biases = attention_biases(batch, hidden_RD.dtype)
        fixed = fixed or FixedWeights()
        wanted, states = {number - (number > 0) for number in layers}, []
        for number, layer in enumerate(self.layers):
            hidden_RD = layer(hidden_RD, batch, biases, fixed)
            if wanted & {number, number - len(self.layers)}:
                states.append(hidden_RD)
        hidden_RD = states[0] if len(states) == 1 else torch.stack(states).mean(0)
        return hidden_RD[: batch.num_tokens]


class BertLayer(nn.Module):
    """Self-attention, then a feed-forward network; each with dropout, a residual connection and LayerNorm after it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dropout = config.hidden_dropout
        self.activation = ACTIVATIONS[config.activation]
        self.attention = SelfAttention(config.hidden_size, config.num_heads, config.attention_dropout)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.intermediate = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self._intermediate, self._output = StackedLinear(self.intermediate), StackedLinear(self.output)

    def forward(self, hidden_RD: Tensor, batch: PackedBatch, biases: list[Tensor], fixed: FixedWeights) -> Tensor:
        """Map R x D to R x D."""
        dropout = self.dropout if self.training else 0.0
        attended_RD = self.attention(hidden_RD, batch, biases, fixed)
        hidden_RD = add_norm(attended_RD, hidden_RD, self.attention_norm, dropout)
        intermediate_RF = self.activation(self._intermediate(hidden_RD, fixed))
        return add_norm(self._output(intermediate_RF, fixed), hidden_RD, self.output_norm, dropout)


def _initialize_(module: nn.Module) -> None:
    """Weights normal(0, INITIAL_STD), biases 0; LayerNorm is left at torch's own 1 and 0."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=INITIAL_STD)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
