"""Ways to stop a run in the middle and to look into its steps."""

import csv
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.files.atomic import read_json
from pipeline.runs.run_files import Run
from pipeline.training import loop
from pipeline.training.begin import train
from pipeline.training.optimization import LegOptimizer
from tests.tiny import TinyProject

# Three legs: one task, a frozen one, three tasks with gradient surgery; 2 * 3 + 5 + 2 * 5 steps.
LEGS = [
    {"tasks": ["sst"], "epochs": 2},
    {"tasks": ["para"], "epochs": 1, "encoder": "frozen"},
    {"tasks": ["sst", "para", "sts"], "epochs": 2, "combine": "pcgrad"},
]
NUM_STEPS = 21


class Killed(BaseException):
    """What stops a run between two statements."""


@dataclass
class Steps:
    """The steps taken, as (leg, epoch, step); `kill_at` stops the run in place of the step of that number, from 0."""

    taken: list[tuple[int, int, int]] = field(default_factory=list)
    kill_at: int | None = None
    watch: Callable[[LegOptimizer], None] = lambda optimizer: None


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    """Every step of every run of the test, those of the probe at its end left out."""
    steps, take, probe, probing = Steps(), LegOptimizer.step, loop.probe, []

    def probe_uncounted(*arguments: Any) -> dict[str, Any]:
        probing.append(True)
        try:
            return probe(*arguments)
        finally:
            probing.pop()

    def step(self: LegOptimizer, batches: dict[str, Any], epoch: int, number: int) -> dict[str, float]:
        if probing:
            return take(self, batches, epoch, number)
        if len(steps.taken) == steps.kill_at:
            raise Killed
        steps.watch(self)
        steps.taken.append((self.place[1], epoch, number))
        return take(self, batches, epoch, number)

    monkeypatch.setattr(LegOptimizer, "step", step)
    monkeypatch.setattr(loop, "probe", probe_uncounted)
    yield steps


@pytest.fixture(scope="session")
def undisturbed_results(tiny_template: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the run of `LEGS` leaves when nothing disturbs it."""
    project = TinyProject(tmp_path_factory.mktemp("undisturbed") / "project")
    shutil.copytree(tiny_template.root, project.root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.root)
        patch.setenv("BERTY_DEVICE", "cpu")
        patch.setenv("BERTY_CHECKPOINT_SECONDS", "1000")
        run = project.add_row(LEGS)
        train(run)
    return read_results(project, run)


@pytest.fixture
def undisturbed(
    undisturbed_results: dict[str, Any], tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> tuple[Run, dict[str, Any]]:
    """The run of `LEGS`, to be done with a checkpoint after every step, and what it leaves when undisturbed."""
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    return tiny.add_row(LEGS), undisturbed_results


def read_results(tiny: TinyProject, run: Run) -> dict[str, Any]:
    """Everything that a run leaves, but for times."""
    record = read_json(tiny.record(run) / "record.json")
    return {
        "weights": (tiny.model(run) / "weights.safetensors").read_bytes(),
        "history": (tiny.record(run) / "history.csv").read_bytes(),
        "params": record["params"],
        "datasets": record["datasets"],
        "metrics": {
            name: [(step, value) for step, _, value in points]
            for name, points in record["metrics"].items()
            if name not in ("tokens_per_second", "cost/seconds")
        },
    }


def read_history(tiny: TinyProject, run: Run) -> list[dict[str, str]]:
    with (tiny.record(run) / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def list_hidden(folder: Path) -> list[str]:
    """Temporary files that something left behind."""
    return [path.name for path in folder.rglob(".*") if path.name != ".work"]
