"""Self-attention against its formula, one sequence and one head at a time."""

import math

import pytest
import torch

from model.attention import SelfAttention

GROUPS = ((3, 2), (1, 4), (2, 5))
NUM_TOKENS = 20


def attend_one_by_one(attention: SelfAttention, hidden_TD: torch.Tensor) -> torch.Tensor:
    lengths = [length for num_sequences, length in GROUPS for _ in range(num_sequences)]
    size = hidden_TD.shape[1] // attention.num_heads
    outputs = []
    for sequence_LD in hidden_TD.split(lengths):
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
    torch.testing.assert_close(attention(hidden_TD, GROUPS), attend_one_by_one(attention, hidden_TD), rtol=0, atol=2e-6)


def test_dropout_is_on_the_attention_weights_in_training_alone():
    torch.manual_seed(0)
    attention = SelfAttention(hidden_size=4, num_heads=1, dropout=0.25)
    with torch.no_grad():  # a token's value is 1 and the output its context: the sum of the weights that are left
        for linear in (attention.query, attention.key, attention.value):
            linear.weight.zero_(), linear.bias.fill_(1.0)
        attention.output.weight.copy_(torch.eye(4)), attention.output.bias.zero_()
        kept_TD = attention.train()(torch.randn(4000, 4), ((1000, 4),))
        whole_TD = attention.eval()(torch.randn(4000, 4), ((1000, 4),))
    torch.testing.assert_close(whole_TD, torch.ones(4000, 4))
    # Each of 4 equal weights stays with probability 3/4 and is then scaled by 4/3.
    assert set((kept_TD * 3).round().unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert kept_TD[:, 0].mean().item() == pytest.approx(1.0, abs=0.03)
    assert torch.equal(kept_TD[:, 0], kept_TD[:, 3])


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValueError, match="hidden_size 10 is not a multiple of num_heads 3"):
        SelfAttention(hidden_size=10, num_heads=3, dropout=0.0)
