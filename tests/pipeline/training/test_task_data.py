"""What a run reads of a task, and that a frozen encoder's vectors stand for the encoder."""

import copy

import numpy as np
import pytest
import torch

from pipeline.evaluation.saved_model import build_model
from pipeline.training.sources.finetuned import Source as FineTuned
from pipeline.training.sources.frozen import Source as Frozen
from pipeline.training.task_data import SELECTION, TaskData, read_task_data

TASKS = ("sst", "para", "sts")


@pytest.fixture
def run(tiny):
    tiny.plan()
    return tiny.start("iteration_1").spec


@pytest.fixture
def data(run, tiny):
    return {task: read_task_data(task, run, tiny.root) for task in TASKS}


def test_the_curves_have_as_many_examples_of_train_as_of_dev(run, data, tiny):
    assert {len(data["para"].measured[split]) for split in ("train", "dev")} == {12}
    assert set(data["para"].measured["train"]) <= set(data["para"].train_indices)
    more = read_task_data("sst", run | {"curve_examples": 1000}, tiny.root)
    assert (len(more.measured["dev"]), len(more.measured["train"])) == (20, 20)


def test_examples_that_choose_an_epoch_are_not_trained_on_and_differ_by_seed(run, tiny):
    def read(seed, keep="best"):
        spec = run | {"seed": seed, "train": run["train"] | {"keep": keep, "selection_fraction": 0.25}}
        return read_task_data("sst", spec, tiny.root)

    first, again, other = read(0), read(0), read(1)
    size = first.splits["train"].num_examples
    assert len(first.measured[SELECTION]) == round(size / 4)
    assert sorted([*first.train_indices, *first.measured[SELECTION]]) == list(range(size))
    assert np.array_equal(first.measured[SELECTION], again.measured[SELECTION])
    assert not np.array_equal(first.measured[SELECTION], other.measured[SELECTION])
    for keep in ("last", "best_on_dev"):
        assert len(read(0, keep).train_indices) == size and SELECTION not in read(0, keep).measured


def test_a_cap_is_drawn_once_and_what_it_leaves_out_chooses_the_epoch(run, tiny):
    def read(seed):
        spec = copy.deepcopy(run) | {"seed": seed}
        spec["tasks"]["para"]["max_train"] = 20
        return read_task_data("para", spec, tiny.root)

    capped, other = read(0), read(1)
    assert len(capped.train_indices) == 20 and set(capped.measured["train"]) <= set(capped.train_indices)
    assert np.array_equal(capped.train_indices, other.train_indices)
    assert len(capped.measured[SELECTION]) == 1 and not set(capped.measured[SELECTION]) & set(capped.train_indices)


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
    for name, curve in data[task].measured.items():
        split = TaskData.split_of(name)
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
    indices = data["sts"].measured["dev"]
    for source in (Frozen(model, data, 4096), FineTuned(model, data, 4096)):
        first = source.predict("sts", "dev", indices)
        assert np.array_equal(first, source.predict("sts", "dev", indices))
        assert model.training and model.heads["sts"].training and model.encoder.training
    output = [FineTuned(model, data, 4096).output("sts", indices)[0] for _ in range(2)]
    assert not torch.equal(*output)  # training has dropout


def test_labels_are_those_of_the_examples(data):
    indices = data["sts"].train_indices[[3, 0]]
    assert data["sts"].labels("train", indices).tolist() == data["sts"].splits["train"].labels[indices].tolist()
