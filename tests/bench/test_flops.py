"""The count of operations, against one by hand and against what torch counts of transformers' own model."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from bench.flops import count_encoder, count_head, count_step
from bench.models import build_start, to_transformers
from model.bert import BertConfig
from model.heads import HEADS, TaskShape

CONFIG = BertConfig(
    vocab_size=100,
    hidden_size=8,
    num_layers=2,
    num_heads=2,
    intermediate_size=16,
    max_positions=32,
    num_token_types=2,
    layer_norm_eps=1e-12,
    hidden_dropout=0.0,
    attention_dropout=0.0,
)


def test_two_sentences_by_hand():
    weights = 4 * 8 * 8 + 2 * 8 * 16
    products = 2 * 2 * (3 * 3 + 5 * 5) * 8
    pooler = 2 * 8 * 8 * 2
    assert count_encoder(CONFIG, [3, 5]) == 2 * (2 * weights * (3 + 5) + products) + pooler


def test_a_head_works_on_examples_or_on_sentences():
    rows_and_weights = {  # of 6 sentences
        "classify": (6, 8 * 4 + 4 * 5),
        "pair_classify": (3, 16 * 4 + 4 * 5),
        "cosine_similarity": (6, 8 * 4 + 4 * 4),
        "pair_regression": (3, 16 * 4 + 4),
    }
    for name, (rows, weights) in rows_and_weights.items():
        assert (
            count_head(HEADS[name](TaskShape(HEADS[name].num_sentences, 5, (0, 5)), 8, 4, 0.0), 6, 8)
            == 2 * rows * weights
        ), name


def test_torch_counts_the_same_of_sentences_of_one_length(inputs):
    """Without padding transformers does what is counted, and no more: embeddings are looked up."""
    model = build_start(inputs.choose(("sts",)))
    bert, length = to_transformers(model.encoder, "eager"), 7
    ids = torch.randint(0, bert.config.vocab_size, (4, length))
    with FlopCounterMode(display=False) as counter:
        pooled = bert(ids, attention_mask=torch.ones_like(ids)).pooler_output
        head = model.heads["sts"]
        head.loss(head(pooled.chunk(2)), torch.ones(2)).backward()
    assert counter.get_total_flops() == count_step(model.encoder.config, model.heads, {"sts": [length] * 4})
