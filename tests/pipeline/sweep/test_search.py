"""The search on the tiny project: who decides, what is pruned, what resumes, and the row that comes out."""

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

pytest.importorskip("optuna", reason="Optuna is not installed (pip install -r requirements-sweep.txt)")

from optuna.trial import TrialState

from pipeline.engine.pool import Pool
from pipeline.engine.tasks import Task
from pipeline.runs.events import EventLog
from pipeline.runs.record import read_record
from pipeline.runs.run_files import read_run
from pipeline.sweep import search as module
from pipeline.sweep.search import Search, search
from pipeline.sweep.trial import work
from pipeline.sweep.trials import Sweep, read_scores
from pipeline.training.begin import train
from pipeline.training.optimization import LegOptimizer
from tests.pipeline.sweep.conftest import LEG, RANGES, open_sweep
from tests.tiny import PROFILE

COMMAND = "python -m stages.sweep new"


class Killed(BaseException):
    """What stops the search between two statements."""


@dataclass
class AtOnce:
    """One worker, which has done a trial when it has begun it."""

    do: Callable[[Path], None] = work
    num: int = 1
    log: Path = Path("log")
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def has_room(self, num_running: int) -> bool:
        return num_running < self.num

    def start(self, task: Task) -> SimpleNamespace:
        self.started.append(task.path.parent.name)
        is_done = True
        try:
            self.do(task.path)
        except ValueError as error:
            self.log.write_text(str(error))
            is_done = False
        return SimpleNamespace(task=task, name=task.name, log=self.log, poll=lambda: is_done)

    def stop(self, running) -> None:
        self.stopped += [one.task.path.parent.name for one in running]


@pytest.fixture(autouse=True)
def at_once(monkeypatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LOOKS", 0)


def list_trials(sweep: Sweep) -> list[tuple]:
    """What was tried and what came of it."""
    trials = Search(sweep, AtOnce())._study.trials
    return [(one.state, one.params, one.value, one.intermediate_values) for one in trials]


def test_three_trials_are_trained_as_runs_and_the_row_of_the_best_reproduces_it(project, capsys):
    sweep = open_sweep()
    text = search(sweep, 3, AtOnce(), COMMAND)
    trials = list_trials(sweep)
    assert [state for state, *_ in trials] == [TrialState.COMPLETE] * 3
    assert len({params["train.learning_rate"] for _, params, *_ in trials}) == 3
    ranges = Search(sweep, AtOnce())._study.trials[0].distributions
    assert [(one.low, one.high, one.log) for one in ranges.values()] == [(1e-4, 1e-2, True), (0.1, 2, False)]
    best = max(range(3), key=lambda number: trials[number][2])
    assert re.search(r"schedule.0.loss_weights.sts\n +(\d+) +([\d.]+) ", text).groups() == (
        str(best),
        f"{trials[best][2]:.4f}",
    )
    (row,) = yaml.safe_load(re.search(r"^new_swept:\n(?: .*\n)+", text, re.MULTILINE)[0]).values()
    assert row["control"] == "new" and "paper" not in row
    assert row["train"]["learning_rate"] == pytest.approx(trials[best][1]["train.learning_rate"], rel=5e-3)
    project.change(iterations__new_swept=row)
    project.plan()
    run = project.start("new_swept")
    train(run)
    assert read_run(sweep.find(best) / "run.json", start_path=sweep.find(best) / "start.json").key != run.key
    trained, tried = (read_record(folder / "record.json") for folder in (project.record(run), sweep.find(best)))
    assert tried["metrics"]["kept_epoch/leg_1"][-1][2] == trained["metrics"]["kept_epoch/leg_1"][-1][2]
    for key in ("loss/sst", "selection/sst.accuracy", "selection/sts.pearson"):
        assert [point[::2] for point in tried["metrics"][key]] == [point[::2] for point in trained["metrics"][key]]
    scores = [trained["metrics"][f"selection/{task}"] for task in ("sst.accuracy", "para.accuracy", "sts.pearson")]
    means = np.mean([[value for *_, value in points] for points in scores], axis=0)
    assert trials[best][2] == pytest.approx(max(means)) and trials[best][3] == pytest.approx(dict(enumerate(means, 1)))
    assert [value for *_, value in tried["metrics"]["selection"]] == [max(trials[best][3].values())]
    assert int(np.argmax(means)) + 1 == trained["metrics"]["kept_epoch/leg_1"][-1][2]
    assert sorted(path.name for path in sweep.find(best).iterdir()) == [
        "events.jsonl",
        "record.json",
        "run.json",
        "start.json",
    ]
    assert not (project.root / "artifacts" / PROFILE / "records/phase2").joinpath(f"new_trial_{best}-0").exists()


def test_a_trial_is_scored_by_its_last_leg(project):
    legs = [{"tasks": ["sst"], "epochs": 2}, {"tasks": ["sst", "para"], "epochs": 2, "encoder": "frozen"}]
    project.change(iterations__new__schedule=legs)
    sweep = open_sweep(RANGES[:1])
    search(sweep, 1, AtOnce(), COMMAND)
    metrics = read_record(sweep.find(0) / "record.json")["metrics"]
    sst, para = (metrics[f"selection/{task}.accuracy"] for task in ("sst", "para"))
    means = [(one[2] + other[2]) / 2 for one, other in zip(sst[2:], para, strict=True)]
    assert list_trials(sweep)[0][3] == dict(enumerate(means, 1))
    assert read_scores({name: points[:2] for name, points in metrics.items() if "leg_" not in name}, 2) == []


def test_the_same_seed_tries_the_same_and_another_seed_other_numbers(project):
    workers = AtOnce(write_events({f"trial_{number}": [0.5, 0.6] for number in range(2)}))
    first, second = open_sweep(), open_sweep()
    search(first, 2, workers, COMMAND)
    found = list_trials(first)
    first.folder.rename(first.folder.with_name("before"))
    search(second, 2, workers, COMMAND)
    assert list_trials(second) == found and found[0][1] != found[1][1]
    project.change(seeds=[0, 1])
    other = open_sweep(seed=1)
    search(other, 1, workers, COMMAND)
    assert other.folder != first.folder and list_trials(other)[0][1] != found[0][1]


def test_dev_labels_change_nothing_of_the_choice(project):
    search(open_sweep(), 3, AtOnce(), COMMAND)
    found = list_trials(open_sweep())
    folders = set(open_sweep().folder.parent.iterdir())
    for path in (project.root / "artifacts" / PROFILE / "tokens").rglob("dev/labels.npy"):
        np.save(path, np.load(path)[::-1].copy())
    sweep = open_sweep()
    assert sweep.folder not in folders, "its trials read other data"
    search(sweep, 3, AtOnce(), COMMAND)
    assert list_trials(sweep) == found
    before, after = (read_record(folder / "trial_0/record.json") for folder in (*folders, sweep.folder))
    assert before["metrics"]["dev/sst.accuracy"] != after["metrics"]["dev/sst.accuracy"]


def test_a_search_that_is_killed_goes_on_from_the_checkpoint_and_comes_to_the_same(project, monkeypatch):
    undisturbed = open_sweep()
    search(undisturbed, 3, AtOnce(), COMMAND)
    found = list_trials(undisturbed)
    undisturbed.folder.rename(undisturbed.folder.with_name("undisturbed"))

    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    taken, take = [], LegOptimizer.step
    num_steps = 3  # of an epoch: 24 examples of para in batches of 8

    def step(self, *arguments):
        if len(taken) == 2 * num_steps + 4:  # in the second epoch of trial 1
            raise Killed
        taken.append(1)
        return take(self, *arguments)

    monkeypatch.setattr(LegOptimizer, "step", step)
    with pytest.raises(Killed):
        search(open_sweep(), 3, AtOnce(), COMMAND)
    sweep = open_sweep()
    assert [state for state, *_ in list_trials(sweep)] == [TrialState.COMPLETE, TrialState.RUNNING]
    monkeypatch.setattr(LegOptimizer, "step", lambda *arguments: taken.append(1) or take(*arguments))
    workers = AtOnce()
    search(sweep, 3, workers, COMMAND)
    assert workers.started == ["trial_1", "trial_2"]
    assert list_trials(sweep) == found
    assert len(taken) == 3 * 2 * num_steps, "no step was taken twice"
    search(sweep, 3, workers, COMMAND)
    assert len(workers.started) == 2, "what is finished is not trained again"


def write_events(scores: dict[str, list[float]]) -> Callable[[Path], None]:
    """A training of one leg, by trial, with these scores and no other work."""

    def do(path: Path) -> None:
        run = read_run(path, start_path=path.with_name("start.json"))
        with EventLog.start(path.with_name("events.jsonl"), run.identity("training")) as log:
            for epoch, score in enumerate(scores[path.parent.name], 1):
                log.metrics({"dev/sst.accuracy": 1 - score, "selection/sst.accuracy": score}, 10 * epoch)
            log.metrics({"kept_epoch/leg_1": 1.0}, 10 * epoch)
            log.finish()

    return do


def test_a_trial_below_the_median_is_pruned_by_its_held_out_scores(project, capsys):
    project.change(iterations__new__schedule=[LEG | {"epochs": 3}])
    scores = {f"trial_{number}": [0.5, 0.6, 0.7] for number in range(5)}
    scores |= {
        "trial_5": [0.4, 0.9, 0.9],
        "trial_6": [0.5, 0.5, 0.95],
        "trial_7": [0.5, 0.6, 0.1],
        "trial_8": [0.5, 0.8, 0.75],
    }
    workers, sweep = AtOnce(write_events(scores)), open_sweep()
    text = search(sweep, 9, workers, COMMAND)
    trials = list_trials(sweep)
    assert workers.stopped == ["trial_5", "trial_6"]
    assert [state for state, *_ in trials[5:]] == [TrialState.PRUNED] * 2 + [TrialState.COMPLETE] * 2
    assert [list(seen) for *_, seen in trials[5:]] == [[1], [1, 2], [1, 2, 3], [1, 2, 3]]
    assert (trials[7][2], trials[8][2]) == (0.6, 0.8), "the best epoch's"
    assert "9 trials (7 complete, 2 pruned, 0 fail)" in text and "numbers of trial 8," in text
    assert read_record(sweep.find(5) / "record.json")["status"] == "killed"


def test_a_trial_that_fails_is_said_and_the_others_go_on(project, capsys):
    def do(path: Path) -> None:
        if path.parent.name == "trial_0":
            raise ValueError("loss/sst is nan")
        write_events({"trial_1": [0.5, 0.6]})(path)

    sweep = open_sweep()
    assert "2 trials (1 complete, 0 pruned, 1 fail)" in search(sweep, 2, AtOnce(do), COMMAND)
    assert "trial 0 fail:\nloss/sst is nan" in capsys.readouterr().out
    project.change(seeds=[0, 1])
    with pytest.raises(ValueError, match="no trial is complete"):
        search(open_sweep(seed=1), 1, AtOnce(do), COMMAND)


def test_a_process_that_is_pruned_ends_and_leaves_a_record(project, monkeypatch):
    """A real process; its training would go on for hours."""
    project.change(iterations__new__schedule=[LEG | {"epochs": 100_000}])
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setattr(module.Trial, "should_prune", lambda trial: True)
    sweep, workers = open_sweep(), Pool(1, module.WORKER)
    with pytest.raises(ValueError, match="no trial is complete"):
        search(sweep, 1, workers, COMMAND)
    assert workers._workers[0].process.poll() is not None
    assert read_record(sweep.find(0) / "record.json")["status"] == "killed"
    assert not list(sweep.find(0).glob("*.safetensors"))
