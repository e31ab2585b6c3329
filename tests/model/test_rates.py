"""Every kind of rates by contract, and each by its formula."""

import math

import pytest

from model.bert import BertConfig, MiniBert
from model.heads import HEADS, TaskShape
from model.multitask import MultitaskModel
from model.rates import RATES, find_depth
from model.registry import find_option_faults


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize(("num_layers", "num_steps"), [(1, 1), (2, 3), (12, 100)])
def test_a_factor_is_finite_and_not_negative_and_heads_and_top_layer_always_move(name, num_layers, num_steps):
    for step in range(num_steps):
        factors = [RATES[name](depth, num_layers, step, num_steps) for depth in range(num_layers + 2)]
        assert all(isinstance(factor, float) and math.isfinite(factor) and factor >= 0 for factor in factors)
        assert factors[-1] > 0 and factors[-2] > 0
    assert find_option_faults(RATES[name], RATES[name].__kwdefaults__ or {}) == []


def test_uniform_is_one():
    assert {RATES["uniform"](depth, 4, step, 10) for depth in range(6) for step in range(10)} == {1.0}


def test_layerwise_multiplies_by_the_decay_from_layer_to_layer():
    factors = [RATES["layerwise"](depth, 3, 7, 10, decay=0.5, heads=4.0) for depth in range(5)]
    assert factors == [0.125, 0.25, 0.5, 1.0, 4.0]
    assert RATES["layerwise"](2, 3, 0, 10) == 0.95


def test_gradual_unfreezing_thaws_a_layer_every_part_of_the_fraction_from_the_top():
    """12 steps, half of them for 3 layers: the top layer at once, one more every 2 steps, the embeddings at step 6."""
    thawed = [[RATES["gradual_unfreezing"](depth, 3, step, 12) for step in range(12)] for depth in range(5)]
    assert thawed == [[0.0] * first + [1.0] * (12 - first) for first in (6, 4, 2, 0, 0)]
    at_once = [RATES["gradual_unfreezing"](depth, 3, 0, 12, fraction=0.0) for depth in range(5)]
    assert at_once == [1.0] * 5


def test_the_depth_of_every_parameter_of_a_model():
    config = BertConfig(
        vocab_size=5, hidden_size=4, num_layers=11, num_heads=1, intermediate_size=4, max_positions=4,
        num_token_types=2, layer_norm_eps=1e-12, hidden_dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    shape = TaskShape(1, 3)
    model = MultitaskModel(MiniBert(config), {"sst": HEADS["classify"](shape, 4, 4, 0.0)}, {"sst": shape}, "cls")
    depths = {name: find_depth(name, 11) for name, _ in model.named_parameters()}
    for name, depth in depths.items():
        start = "heads." if depth == 12 else "encoder.pooler." if "pooler" in name else f"encoder.layers.{depth - 1}."
        assert name.startswith("encoder.embedding_norm" if "norm" in name else "encoder.") if depth == 0 else start
    assert {name for name, depth in depths.items() if depth == 0} == {
        *(f"encoder.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")),
        "encoder.embedding_norm.weight",
        "encoder.embedding_norm.bias",
    }
    assert {depths[f"encoder.layers.{layer}.output.weight"] - layer for layer in range(11)} == {1}
    assert (depths["encoder.pooler.bias"], depths["heads.sst.network.1.weight"]) == (11, 12)
