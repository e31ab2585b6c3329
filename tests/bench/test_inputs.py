"""Everyone draws the same batches; the run file of the inputs is one that the project's own code accepts."""

import numpy as np
import pytest

from bench.inputs import read_inputs
from bench.models import draw_weights
from bench.prepare import prepare
from pipeline.evaluation.saved_model import build_model
from tests.tiny import ENCODER, PROFILE


def test_a_batch_is_a_function_of_its_number(inputs, inputs_folder):
    again = read_inputs(inputs_folder).choose()
    first, second = inputs.choose().draw(1), again.draw(1)
    assert all(np.array_equal(first.indices[task], second.indices[task]) for task in ("sst", "para", "sts"))
    assert not np.array_equal(first.indices["sst"], again.draw(2).indices["sst"])
    assert [len(set(indices)) for indices in first.indices.values()] == [32] * 3


def test_an_encoder_without_weights_gets_random_ones(tiny, tmp_path):
    folder = prepare(tmp_path / "inputs", tiny.root, ENCODER, weights=False, profile=PROFILE)
    with pytest.raises(FileNotFoundError):
        read_inputs(folder)
    draw_weights(folder)
    inputs = read_inputs(folder)
    assert inputs.spec["encoder"]["weights"] == "random"
    first = build_model(inputs.spec, 0, folder).encoder.word_embeddings.weight
    draw_weights(folder)
    assert first.equal(build_model(read_inputs(folder).spec, 0, folder).encoder.word_embeddings.weight)
