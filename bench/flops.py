"""Floating-point operations that a step cannot do without: those of the matrix products on real tokens.

A product of m x k and k x n costs 2mkn; backward costs two products of that size for each one of forward, hence 6 per
weight and row. Counted are, per token, the matrices of the encoder's layers; per sentence, the pooler; per example (or
per sentence, where the head works on each), the head; and for a sentence of L tokens, in every layer, the scores and
the weighted sum, 2 products of 2 L^2 D, three times. Embeddings, padding, biases, norms and recomputation count
nothing. After Kaplan et al. 2020, section 2.1, who leave attention's products out.
"""

from collections.abc import Mapping, Sequence

from torch import nn

from model.bert import BertConfig

# Shape suffixes: D hidden.

PASSES = 3  # forward, and in backward the gradient of either factor of a product


def count_step(config: BertConfig, heads: Mapping[str, nn.Module], lengths: Mapping[str, Sequence[int]]) -> int:
    """Operations of forward and backward on these sentences of each task; the pooling is the pooler."""
    return sum(
        PASSES * (count_encoder(config, task_lengths) + count_head(heads[task], len(task_lengths), config.hidden_size))
        for task, task_lengths in lengths.items()
    )


def count_encoder(config: BertConfig, lengths: Sequence[int]) -> int:
    """Operations of forward of the encoder and its pooler on sentences of these lengths."""
    hidden = config.hidden_size
    layer = 4 * hidden * hidden + 2 * hidden * config.intermediate_size  # query, key, value, output; feed-forward
    products = sum(2 * 2 * length * length * hidden for length in lengths)
    return config.num_layers * (2 * layer * sum(lengths) + products) + 2 * hidden * hidden * len(lengths)


def count_head(head: nn.Module, num_sentences: int, hidden_size: int) -> int:
    """Operations of forward of a head; one whose input is two sentences wide has half as many rows."""
    linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
    rows = num_sentences * hidden_size // linears[0].in_features
    return sum(2 * linear.weight.numel() * rows for linear in linears)
