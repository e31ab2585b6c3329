"""Predictions of many sentences: in order, whatever the batches."""

import numpy as np
import pytest
import torch

from model.packing import pack
from pipeline.data.token_files import read_tokens
from pipeline.evaluation.predict import _batches, compute_outputs, encode, predict
from pipeline.evaluation.saved_model import build_model

TASKS = ("sst", "para", "sts")


@pytest.fixture
def spec(tiny):
    tiny.plan()
    return tiny.start("iteration_1").spec


@pytest.fixture
def model(spec):
    return build_model(spec, 0)


@pytest.fixture
def tokens(spec):
    return {task: read_tokens(spec["tasks"][task]["tokens"]["train"]) for task in TASKS}


def predict_alone(model, task, tokens, index):
    """One example, packed by itself."""
    with torch.no_grad():
        return model.heads[task].predict(model(task, pack(tokens.sentences([index])))).item()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("max_tokens", [1, 60, 10**6])
def test_each_example_has_its_own_prediction_whatever_the_batches(model, tokens, task, max_tokens):
    model.eval()
    indices = [7, 3, 19, 0, 3]
    expected = [predict_alone(model, task, tokens[task], index) for index in indices]
    found = predict(model, task, tokens[task], indices, max_tokens)
    assert found.dtype == np.float32 and found.shape == (5,)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert task != "sts" or len(set(expected)) == 4


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("max_tokens", [1, 60, 10**6])
def test_each_example_has_its_own_vectors_whatever_the_batches(model, tokens, task, max_tokens):
    model.eval()
    indices, split = [7, 3, 19, 0, 3], tokens[task]
    found = encode(model, task, split, indices, max_tokens)
    assert found.shape == (5, split.sentences_per_example, 32)
    with torch.no_grad():
        for vectors, index in zip(found, indices, strict=True):
            for vector, sentence in zip(vectors, split.sentences([index]), strict=True):
                np.testing.assert_allclose(vector, model.encode(pack([sentence]))[0].numpy(), atol=1e-6)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_dropout_is_off_and_the_mode_comes_back(model, tokens):
    model.train()
    everything = np.arange(tokens["sts"].num_examples)
    first = predict(model, "sts", tokens["sts"], everything, 500)
    assert np.array_equal(first, predict(model, "sts", tokens["sts"], everything, 500))
    assert model.training and model.encoder.layers[0].training
    model.eval()
    predict(model, "sts", tokens["sts"], everything, 500)
    assert not model.training


def test_the_mode_comes_back_after_an_error(model, tokens):
    model.train()
    with pytest.raises(IndexError):
        predict(model, "sts", tokens["sts"], [10_000], 500)
    broken = tokens["sts"].tokens.copy()
    broken[5] = 10**6
    with pytest.raises(IndexError):
        predict(model, "sts", type(tokens["sts"])(**{**vars(tokens["sts"]), "tokens": broken}), [0, 1, 2], 500)
    assert model.training


def test_batches_hold_every_place_once_and_at_most_so_many_tokens(tokens):
    split = tokens["para"]
    indices = np.arange(split.num_examples)[::-1]
    lengths = split.lengths.reshape(-1, 2).sum(1)[indices]
    batches = list(_batches(lengths, 100))
    assert sorted(np.concatenate(batches)) == list(range(len(indices)))
    totals = [lengths[batch].sum() for batch in batches]
    assert max(totals) <= 100
    # A batch ends only where the next example no longer fits.
    assert all(total + lengths[after[0]] > 100 for total, after in zip(totals, batches[1:], strict=False))
    assert [len(batch) for batch in _batches(lengths, 1)] == [1] * len(indices)


@pytest.mark.parametrize("head", ["pair_classify", "joined_classify", "shared_pair_classify"])
def test_a_batch_encodes_no_more_tokens_than_it_may(spec, tokens, monkeypatch, head):
    """Whatever the head takes, and as many as it may: the next example would be too much."""
    spec["tasks"]["para"]["head"] = head
    model, split, packed = build_model(spec, 0), tokens["para"], []
    pack_batch = model.pack

    def record(task, sentences):
        packed.append(pack_batch(task, sentences))
        return packed[-1]

    monkeypatch.setattr(model, "pack", record)
    everything = np.arange(split.num_examples)
    for function in (predict, compute_outputs, encode):
        packed.clear()
        function(model, "para", split, everything, 100)
        totals = [batch.num_tokens for batch in packed]
        lengths = sorted(model.count_tokens("para", split.lengths.reshape(-1, 2)))
        assert sum(totals) == sum(lengths) and max(totals) <= 100
        ends = np.cumsum(totals)[:-1]
        firsts = [lengths[np.searchsorted(np.cumsum(lengths), end, side="right")] for end in ends]
        assert all(total + first > 100 for total, first in zip(totals, firsts, strict=False))
