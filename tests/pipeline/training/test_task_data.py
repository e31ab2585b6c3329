"""What a run reads of a task, and that a frozen encoder's vectors stand for the encoder."""

import numpy as np
import pytest
import torch

from pipeline.evaluation.saved_model import build_model
from pipeline.training.task_data import FineTuned, Frozen, read_task_data

TASKS = ("sst", "para", "sts")


@pytest.fixture
def run(tiny):
    tiny.plan()
    return tiny.start("iteration_1").spec


@pytest.fixture
def data(run, tiny):
    return {task: read_task_data(task, run["tasks"][task], 12, tiny.root) for task in TASKS}


def test_the_curves_have_as_many_examples_of_train_as_of_dev(run, data, tiny):
    assert {len(indices) for indices in data["para"].curve_indices.values()} == {12}
    assert set(data["para"].curve_indices["train"]) <= set(data["para"].train_indices)
    more = read_task_data("sst", run["tasks"]["sst"], 1000, tiny.root)
    assert (len(more.curve_indices["dev"]), len(more.curve_indices["train"])) == (20, 20)


def test_a_cap_is_drawn_once_and_the_curves_stay_inside_it(run, tiny):
    task = run["tasks"]["para"] | {"max_train": 7}
    capped = read_task_data("para", task, 12, tiny.root)
    assert len(capped.train_indices) == 7 and list(capped.curve_indices["train"]) == list(capped.train_indices)
    assert np.array_equal(capped.train_indices, read_task_data("para", task, 12, tiny.root).train_indices)


def test_labels_are_those_of_the_examples(data):
    indices = data["sts"].train_indices[[3, 0]]
    assert data["sts"].labels("train", indices).tolist() == data["sts"].splits["train"].labels[indices].tolist()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("max_tokens", [1, 100])
def test_a_frozen_encoders_vectors_give_what_the_encoder_gives(run, data, task, max_tokens):
    model = build_model(run, 0)
    frozen, fine_tuned = Frozen(model, {task: data[task]}, max_tokens), FineTuned(model, {task: data[task]}, 4096)
    model.eval()
    indices = data[task].train_indices[[5, 2, 9, 2]]
    (found, num_tokens), (expected, _) = frozen.output(task, indices), fine_tuned.output(task, indices)
    assert num_tokens == 0
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    for split in ("train", "dev"):
        curve = data[task].curve_indices[split]
        np.testing.assert_allclose(
            frozen.predict(task, split, curve), fine_tuned.predict(task, split, curve), atol=1e-5
        )


def test_a_frozen_output_reaches_the_head_alone(run, data):
    model = build_model(run, 0)
    output, _ = Frozen(model, {"sst": data["sst"]}, 4096).output("sst", data["sst"].train_indices[:4])
    output.sum().backward()
    assert {name.split(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None} == {
        "heads"
    }


def test_predictions_are_in_evaluation_mode_and_leave_training_mode(run, data):
    model = build_model(run, 0)
    model.train()
    indices = data["sts"].curve_indices["dev"]
    for source in (Frozen(model, data, 4096), FineTuned(model, data, 4096)):
        first = source.predict("sts", "dev", indices)
        assert np.array_equal(first, source.predict("sts", "dev", indices))
        assert model.training and model.heads["sts"].training and model.encoder.training
    output = [FineTuned(model, data, 4096).output("sts", indices)[0] for _ in range(2)]
    assert not torch.equal(*output)  # training has dropout
