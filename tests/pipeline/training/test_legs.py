"""Legs in a row: what each starts from, which weights it keeps, and what a frozen encoder leaves alone."""

import math
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from model.bert import MiniBert
from pipeline.evaluation.evaluate import evaluate
from pipeline.evaluation.saved_model import build_model, load_model
from pipeline.files.digest import hash_file
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.training import loop
from pipeline.training.begin import train
from tests.pipeline.training.conftest import read_history
from tests.tiny import ENCODER, PROFILE

SUM = {"tasks": ["sst", "para", "sts"], "epochs": 1}
FIRST = {"tasks": ["sst"], "epochs": 1}


def tensor_names(folder):
    with safe_open(folder / "weights.safetensors", "pt") as file:
        return set(file.keys())


def test_a_frozen_leg_runs_no_encoder_and_leaves_none(tiny, steps, monkeypatch):
    forward, calls = MiniBert.forward, []

    def count(self, *arguments):
        calls.append(len(steps.taken))
        return forward(self, *arguments)

    monkeypatch.setattr(MiniBert, "forward", count)
    run = tiny.add_row([{**leg, "encoder": "frozen"} for leg in (FIRST, SUM)], train={"weight_decay": 0.1})
    train(run)
    # Leg 1 encodes before its first step, leg 2 before its own first, the probe at the end.
    assert len(steps.taken) == 3 + 5 and set(calls) == {0, 3, 8}
    assert tensor_names(tiny.model(run)) == {
        f"heads.{task}.network.{layer}.{kind}"
        for task in ("sst", "para", "sts")
        for layer in (1, 4)
        for kind in ("weight", "bias")
    }
    rates = {value for _, _, value in read_record(tiny.record(run) / "record.json")["metrics"]["learning_rate"]}
    assert rates == {run.spec["train"]["frozen_learning_rate"]}


@pytest.mark.parametrize(("keep", "expected"), [("best", 2), ("best_on_dev", 3), ("last", 4)])
def test_best_looks_at_held_out_examples_and_never_at_dev(tiny, monkeypatch, keep, expected):
    """Every split has its own best epoch: the score is of the split's examples, told apart by their number."""
    best = {12: {"train": 1, "dev": 3}, 6: {"selection": 2}}
    seen = Counter()

    def score(labels, predictions):
        seen[len(labels)] += 1
        splits = best[len(labels)]
        epoch, place = divmod(seen[len(labels)] - 1, len(splits))
        return float(list(splits.values())[place] == epoch + 1)

    monkeypatch.setattr(loop, "METRICS", {"accuracy": SimpleNamespace(score=score)})
    run = tiny.add_row([{"tasks": ["sst"], "epochs": 4}], train={"keep": keep, "selection_fraction": 0.25})
    train(run)
    (point,) = read_record(tiny.record(run) / "record.json")["metrics"]["kept_epoch/leg_1"]
    assert point[2] == expected
    splits = {row["split"] for row in read_history(tiny, run)}
    assert splits - {"selection"} == {"train", "dev"} and ("selection" in splits) == (keep == "best")


def test_the_next_leg_begins_with_the_weights_kept_of_the_one_before(tiny, steps, monkeypatch):
    falling, level = SimpleNamespace(score=lambda *_: -len(steps.taken)), SimpleNamespace(score=lambda *_: 0.0)
    monkeypatch.setattr(loop, "METRICS", {"accuracy": falling, "pearson": level})
    seen = {}

    def watch(optimizer):
        if (optimizer.place[1], len(steps.taken)) == (1, 6):
            seen.update({name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()})

    steps.watch = watch
    train(tiny.add_row([{"tasks": ["sst"], "epochs": 2}, {"tasks": ["sts"], "epochs": 1}]))
    alone = tiny.add_row([FIRST], tasks=["sst", "sts"])
    train(alone)
    first = load_model(tiny.model(alone))[0].state_dict()
    assert seen.keys() == first.keys()
    assert all(torch.equal(seen[name], first[name]) for name in seen)


class TestPhase2:
    @pytest.fixture
    def recipe(self, tiny):
        tiny.plan()
        run = tiny.run("phase1", "sst_then_sts")
        train(run)
        return run

    def test_it_starts_from_the_weights_that_phase_1_left(self, tiny, recipe, steps):
        seen = {}

        def watch(optimizer):
            if not seen:
                seen.update({name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()})

        steps.watch = watch
        run = tiny.start("iteration_3")
        assert run.start["sha256"] == hash_file(tiny.model(recipe) / "weights.safetensors")
        train(run)
        left = load_model(tiny.model(recipe))[0].state_dict()
        assert all(torch.equal(seen[name], left[name]) for name in left)
        new = build_model(run.spec, run.spec["seed"]).state_dict()
        others = set(seen) - set(left)
        assert others == {name for name in new if name.startswith("heads.para.")}
        assert all(torch.equal(seen[name], new[name]) for name in others)
        assert not torch.equal(left["heads.sts.network.1.weight"], new["heads.sts.network.1.weight"])
        assert (tiny.record(run) / "start.json").read_bytes() == run.start_path.read_bytes()

    def test_the_recipes_result_is_part_of_the_key(self, tiny, recipe):
        before = tiny.start("iteration_2").key
        tiny.change(phase1__sst_then_sts__train={"learning_rate": 2e-3})
        tiny.plan()
        train(tiny.run("phase1", "sst_then_sts"))
        assert tiny.start("iteration_2").key != before
        assert tiny.start("baseline").start == {
            "kind": "encoder",
            "sha256": hash_file(tiny.root / layout.encoder(PROFILE, ENCODER) / "model.safetensors"),
        }

    def test_weights_other_than_the_start_file_says_are_refused(self, tiny, recipe):
        run = tiny.start("iteration_2")
        path = tiny.model(recipe) / "weights.safetensors"
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
        with pytest.raises(ValueError, match=r"phase1/sst_then_sts-0/weights.safetensors: sha256 is .*, expected"):
            train(run)
        path.unlink()
        with pytest.raises(ValueError, match=r"weights.safetensors: no such file"):
            train(run)
        assert not tiny.model(run).exists()


def test_phase_1_may_train_tasks_together_and_a_row_starts_from_all_of_them(tiny, steps):
    legs = [
        {"tasks": ["sst"], "epochs": 1},
        {"tasks": ["para", "sts"], "epochs": 2, "combine": "pcgrad", "loss_weights": {"sts": 0.1}},
    ]
    tiny.change(phase1__together={"schedule": legs}, figures__phase1="together")
    tiny.change(iterations__after={"start": "together", "schedule": [SUM]})
    tiny.plan()
    recipe = tiny.run("phase1", "together")
    train(recipe)
    scores = evaluate(recipe)
    assert {"sst.accuracy", "para.accuracy", "sts.pearson", "overall"} <= set(scores)
    metrics = read_record(tiny.record(recipe) / "record.json")["metrics"]
    assert "gradients/cosine.para_sts" in metrics and "kept_epoch/leg_2" in metrics
    assert [row["task"] for row in read_history(tiny, recipe) if row["leg"] == "2"][-1] == "sts"
    run = tiny.start("after")
    assert run.start["recipe"] == "together" and set(run.start["tasks"]) == {"sst", "para", "sts"}
    seen = {}

    def watch(optimizer):
        if not seen:
            seen.update({name: tensor.clone() for name, tensor in optimizer.state.model.state_dict().items()})

    steps.watch = watch
    train(run)
    left = load_model(tiny.model(recipe))[0].state_dict()
    assert all(torch.equal(tensor, left[name]) for name, tensor in seen.items()) and seen.keys() == left.keys()


def test_a_run_without_legs_leaves_the_encoder_under_new_heads(tiny):
    run = tiny.add_row([FIRST])
    run.spec["schedule"] = []
    train(run)
    assert {name.split(".")[0] for name in tensor_names(tiny.model(run))} == {"heads"}
    new, left = build_model(run.spec, 0).state_dict(), load_model(tiny.model(run))[0].state_dict()
    assert all(torch.equal(new[name], left[name]) for name in new)
    metrics = read_record(tiny.record(run) / "record.json")["metrics"]
    assert set(metrics) == {"cost/steps", "cost/tokens", "cost/seconds"} and read_history(tiny, run) == []
    assert metrics["cost/steps"][0][2] == metrics["cost/tokens"][0][2] == 0


def test_a_frozen_leg_after_a_fine_tuned_one_trains_on_what_that_left(tiny):
    run = tiny.add_row([FIRST, {"tasks": ["para"], "epochs": 2, "encoder": "frozen"}], train={"keep": "last"})
    train(run)
    both = load_model(tiny.model(run))[0].state_dict()
    alone = tiny.add_row([FIRST], tasks=["sst", "para"], train={"keep": "last"})
    train(alone)
    first = load_model(tiny.model(alone))[0].state_dict()
    same = {name for name in both if torch.equal(both[name], first[name])}
    assert set(both) - same == {name for name in both if name.startswith("heads.para.")}


@pytest.mark.parametrize(("patience", "num_epochs"), [(1, 2), (2, 5), (3, 6), (None, 6)])
def test_a_leg_ends_when_patience_does_and_the_next_begins_anew(tiny, steps, monkeypatch, patience, num_epochs):
    scores = [0.3, 0.2, 0.4, 0.4, 0.1, 0.0]

    def score(labels, predictions):
        leg, epoch, _ = steps.taken[-1]
        return scores[epoch] if leg == 0 else -1.0 - epoch

    monkeypatch.setattr(loop, "METRICS", {"accuracy": SimpleNamespace(score=score)})
    legs = [{"tasks": ["sst"], "epochs": 6}, {"tasks": ["sst"], "epochs": 2}]
    run = tiny.add_row(legs, train={"patience": patience})
    train(run)
    epochs = [len({epoch for leg, epoch, _ in steps.taken if leg == number}) for number in range(2)]
    assert epochs == [num_epochs, 2]
    metrics = read_record(tiny.record(run) / "record.json")["metrics"]
    assert metrics["kept_epoch/leg_1"][0][2] == (1 if patience == 1 else 3)
    assert metrics["kept_epoch/leg_2"][0][2] == 1


def test_best_keeps_the_first_of_the_best_epochs_and_last_the_last(tiny, monkeypatch):
    scores = {epoch: value for epoch, value in enumerate([0.2, 0.5, 0.5, 0.4], start=1)}
    weights, kept = {}, {}
    for keep, epochs in (("best_on_dev", 4), ("last", 2), ("last", 4)):
        calls = []

        def score(labels, predictions, calls=calls):
            calls.append(1)
            return scores[math.ceil(len(calls) / 2)]  # train and dev of each epoch

        monkeypatch.setattr(loop, "METRICS", {"accuracy": SimpleNamespace(score=score)})
        run = tiny.add_row([{"tasks": ["sst"], "epochs": epochs}], train={"keep": keep})
        train(run)
        weights[keep, epochs] = hash_file(tiny.model(run) / "weights.safetensors")
        (point,) = read_record(tiny.record(run) / "record.json")["metrics"]["kept_epoch/leg_1"]
        kept[keep, epochs] = point[2]
    assert weights["best_on_dev", 4] == weights["last", 2] != weights["last", 4]
    assert kept == {("best_on_dev", 4): 2, ("last", 2): 2, ("last", 4): 4}
