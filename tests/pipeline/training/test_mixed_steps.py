"""The training loop goes by what a mixing draws: steps of one task, of some, of so many tokens."""

import numpy as np
import pytest

from pipeline.files.digest import derive_seed
from pipeline.runs.record import read_record
from pipeline.training.begin import train
from pipeline.training.mixing import MIXINGS
from pipeline.training.task_data import draw_steps, read_task_data

SUM = {"tasks": ["sst", "para", "sts"], "epochs": 1}


def test_a_mixing_may_leave_tasks_out_of_steps(tiny, steps, monkeypatch):
    """The loop goes by what the mixing draws; a mean of a curve is over the steps that measured it."""

    def mix(num_examples, batch_size, **place):
        assert set(num_examples) == {"sst", "sts"} and batch_size == 8
        return [{"sst": np.array([3, 1])}, {"sst": np.array([0]), "sts": np.array([2, 5])}, {"sts": np.array([7])}]

    monkeypatch.setattr("pipeline.training.mixing.repeat.mix", mix)
    points = {}
    for log_every in (1, 3):
        run = tiny.add_row([{"tasks": ["sst", "sts"], "epochs": 2}], train={"log_every": log_every})
        train(run)
        metrics = read_record(tiny.record(run) / "record.json")["metrics"]
        points[log_every] = {name: [(step, value) for step, _, value in metrics[name]] for name in metrics}
    assert steps.taken == 2 * [(0, epoch, step) for epoch in range(2) for step in range(3)]
    assert [step for step, _ in points[1]["loss/sst"]] == [1, 2, 4, 5]
    assert [step for step, _ in points[1]["gradients/cosine.sst_sts"]] == [2, 5]
    for task in ("sst", "sts"):
        single = [value for _, value in points[1][f"loss/{task}"]]
        means = [(3, pytest.approx(sum(single[:2]) / 2)), (6, pytest.approx(sum(single[2:]) / 2))]
        assert points[3][f"loss/{task}"] == means


def test_sampled_steps_train_one_task_and_the_last_epoch_another_share(tiny, steps):
    mixing = {"sampled": {"exponent": 8.0, "last_exponent": 0.0, "steps": 12}}
    run = tiny.add_row([SUM | {"epochs": 2}], train={"mixing": mixing, "log_every": 1})
    train(run)
    assert steps.taken == [(0, epoch, step) for epoch in range(2) for step in range(12)]
    metrics = read_record(tiny.record(run) / "record.json")["metrics"]
    assert not [name for name in metrics if name.startswith("gradients/")]
    trained = sorted(step for task in SUM["tasks"] for step, _, _ in metrics[f"loss/{task}"])
    assert trained == list(range(1, 25))
    data = {task: read_task_data(task, run.spec, tiny.root) for task in SUM["tasks"]}
    sizes = {task: len(each.train_indices) for task, each in data.items()}
    for epoch in range(2):
        drawn = MIXINGS.bind(mixing)(sizes, 8, seed=derive_seed(0, "phase2"), leg=0, epoch=epoch, num_epochs=2)
        expected = [{task: data[task].train_indices[at].tolist() for task, at in step.items()} for step in drawn]
        found = [{task: at.tolist() for task, at in step.items()} for step in draw_steps(run.spec, 0, epoch, data)]
        assert found == expected


def test_a_token_budget_goes_by_the_tokens_of_whole_examples(tiny):
    run = tiny.add_row([SUM], train={"mixing": {"token_budget": {"tokens": 120}}, "batch_size": 1, "log_every": 1})
    data = {task: read_task_data(task, run.spec, tiny.root) for task in SUM["tasks"]}
    steps = draw_steps(run.spec, 0, 0, data)
    totals = {
        task: [sum(map(len, data[task].splits["train"].sentences(step[task]))) for step in steps] for task in data
    }
    assert all(60 < total <= 120 for each in totals.values() for total in each)
    train(run)
    cost = read_record(tiny.record(run) / "record.json")["metrics"]
    assert cost["cost/steps"][0][2] == len(steps)
    assert cost["cost/tokens"][0][2] == sum(map(sum, totals.values()))
