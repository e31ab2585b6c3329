"""The model with several tasks: which sentences go where, and which parameters are shared."""

import pytest
import torch

from model.bert import BertConfig, MiniBert
from model.heads import HEADS, TaskShape
from model.multitask import MultitaskModel
from model.packing import pack
from model.pooling import POOLINGS, find_layers

CONFIG = BertConfig(
    vocab_size=40,
    hidden_size=8,
    num_layers=2,
    num_heads=2,
    intermediate_size=16,
    max_positions=16,
    num_token_types=2,
    layer_norm_eps=1e-12,
    hidden_dropout=0.0,
    attention_dropout=0.0,
)
SHAPES = {"sst": TaskShape(1, 5), "para": TaskShape(2, 2), "sts": TaskShape(2, None, (0, 5))}
KINDS = {"sst": "classify", "para": "pair_classify", "sts": "cosine_similarity"}
FIRST = [[1, 2, 3], [4], [5, 6]]
SECOND = [[7], [8, 9, 10], [11, 12, 13, 14]]


def build(pooling: str = "pooler") -> MultitaskModel:
    torch.manual_seed(0)
    heads = {task: HEADS[KINDS[task]](SHAPES[task], 8, 8, 0.0) for task in SHAPES}
    return MultitaskModel(MiniBert(CONFIG), heads, SHAPES, pooling)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_pair_batch_is_all_first_sentences_then_all_second_ones(pooling):
    model = build(pooling)
    first_nD, second_nD = model.encode(pack(FIRST)), model.encode(pack(SECOND))
    expected = model.heads["para"]((first_nD, second_nD))
    torch.testing.assert_close(model("para", pack(FIRST + SECOND)), expected)
    assert not torch.allclose(model("para", pack(SECOND + FIRST)), expected)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_encode_pools_as_asked(pooling):
    model = build(pooling)
    batch, layers = pack(FIRST), find_layers(pooling)
    states_TD = sum(model.encoder(batch, None, (layer,)) for layer in layers) / len(layers)
    assert torch.equal(model.encode(batch), model.pool(states_TD, batch, model.encoder, **model.pooling))


@pytest.mark.parametrize("task", ["sst", "para", "sts"])
def test_kept_vectors_give_the_same_output(task):
    model = build()
    batch = pack(FIRST + SECOND)
    with torch.no_grad():
        kept_BD = model.encode(batch)
    assert torch.equal(model.forward_head(task, kept_BD), model(task, batch))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("task", ["sst", "para", "sts"])
def test_shared_and_head_parameters_are_those_that_the_loss_reaches(pooling, task):
    model = build(pooling)
    output = model(task, pack(FIRST + SECOND))
    model.heads[task].loss(output, torch.zeros(len(output))).backward()
    reached = {parameter for parameter in model.parameters() if parameter.grad is not None}
    assert reached == {*model.shared_parameters(), *model.head_parameters(task)}
    assert not set(model.shared_parameters()) & set(model.head_parameters(task))


def test_wrong_inputs_are_errors_that_name_them():
    model = build()
    with pytest.raises(ValueError, match="task 'cfimdb' has no head: there are sst, para, sts"):
        model("cfimdb", pack(FIRST))
    with pytest.raises(ValueError, match="task para takes 2 sentences per example, the batch has 3"):
        model("para", pack(FIRST))
    with pytest.raises(
        ValueError, match="model.pooling: 'max' is unknown; allowed: attention, cls, first_last, mean, pooler"
    ):
        build("max")
    with pytest.raises(ValueError, match="task a: its head is for 1 sentences and classes, the task has 2 and classes"):
        MultitaskModel(MiniBert(CONFIG), {"a": build().heads["sst"]}, {"a": TaskShape(2, 5)}, "cls")
