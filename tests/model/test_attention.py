"""Self-attention against its formula, one sequence and one head at a time."""

import math

import pytest
import torch

from model.attention import SelfAttention
from model.kernels import FixedWeights, attention_biases
from model.packing import pack

LENGTHS = (2, 5, 2, 4, 2, 5)
NUM_TOKENS = sum(LENGTHS)


def attend_one_by_one(attention: SelfAttention, hidden_TD: torch.Tensor) -> torch.Tensor:
    size = hidden_TD.shape[1] // attention.num_heads
    outputs = []
    for sequence_LD in hidden_TD.split(LENGTHS):
        query_LD, key_LD, value_LD = (
            linear(sequence_LD) for linear in (attention.query, attention.key, attention.value)
        )
        heads = []
        for start in range(0, hidden_TD.shape[1], size):
            columns = slice(start, start + size)
            scores_LL = query_LD[:, columns] @ key_LD[:, columns].T / math.sqrt(size)
            heads.append(scores_LL.exp() / scores_LL.exp().sum(dim=1, keepdim=True) @ value_LD[:, columns])
        outputs.append(attention.output(torch.cat(heads, dim=1)))
    return torch.cat(outputs)


def test_equals_the_formula_for_each_sequence_and_head():
    torch.manual_seed(0)
    attention = SelfAttention(hidden_size=12, num_heads=3, dropout=0.5).eval()
    hidden_TD = 3 * torch.randn(NUM_TOKENS, 12)
    batch = pack([[1] * length for length in LENGTHS])
    filler = torch.randn(batch.num_fillers, 12)
    biases = attention_biases(batch, torch.float32)
    found = attention(torch.cat([hidden_TD, filler]), batch, biases, FixedWeights())[:NUM_TOKENS]
    torch.testing.assert_close(found, attend_one_by_one(attention, hidden_TD), rtol=0, atol=2e-6)


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValueError, match="hidden_size 10 is not a multiple of num_heads 3"):
        SelfAttention(hidden_size=10, num_heads=3, dropout=0.0)
