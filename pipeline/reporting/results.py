"""The results of a profile: exactly the runs that its plan lists, made here or imported."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.runs import layout
from pipeline.runs.index import Index, IndexedRun, read_index, read_plan

HISTORY_COLUMNS = ("leg", "epoch", "step", "split", "task", "metric", "value")
# Phase 1 only hands its weights on: it has curves, but no line in a table, so its evaluation is not asked for.
EVALUATED_PHASES = ("part1", "phase2")


@dataclass(frozen=True)
class Result:
    """One finished training of a row with a seed.

    `evaluation` is None in phase 1; `predictions` is the folder of `<task>.csv[.gz]`, None where it is not here.
    """

    phase: str
    row: str
    seed: int
    training: dict[str, Any]
    evaluation: dict[str, Any] | None
    history: pd.DataFrame
    predictions: Path | None  # the folder of its prediction files, where it is there

    def score(self, key: str) -> float:
        """The last value of an evaluation metric such as `sst.accuracy`; an unknown one is a `ValueError`."""
        metrics = self.evaluation["metrics"]
        if not metrics.get(key):
            name = f"evaluation of {self.phase}/{self.row}-{self.seed}"
            raise ValueError(f"{name}: no metric {key!r}, only {', '.join(sorted(metrics))}")
        return metrics[key][-1][-1]

    def last_point(self, key: str) -> float | None:
        """The last value of a metric of the training, such as `cost/steps`; None where the record has none."""
        points = self.training["metrics"].get(key)
        return points[-1][-1] if points else None


@dataclass(frozen=True)
class Results:
    """A plan's index and its runs, in the index's order."""

    index: dict[str, Any]
    runs: tuple[Result, ...]
    tree: layout.Tree  # where the plan lies: the summary goes there too

    def rows(self, phase: str) -> list[dict[str, Any]]:
        """The rows that the index lists for a phase."""
        return self.index.get(phase, [])

    def runs_of(self, phase: str, row: str) -> list[Result]:
        """The runs of a row, one per seed, in the order of its seeds."""
        return [run for run in self.runs if (layout.table(run.phase), run.row) == (phase, row)]

    def metric(self, task: str) -> str:
        """The metric that a task is judged by."""
        return self.index["tasks"][task]["metric"]


def read_results(root: Path, profile: str) -> Results:
    """Read every run that the profile's plan lists, the local one before an imported one.

    What else lies about is not looked at, so a row that left the plan leaves the tables. A record that is missing, has
    not finished, or belongs to another run is a `ValueError` naming it.
    """
    read_plan(root, profile)  # which names the file where there is none
    index = read_index(root, profile)
    if index.plan["profile"] != profile:
        raise ValueError(f"{layout.plan(profile, index.tree)}: plan of {index.plan['profile']!r}, not of {profile!r}")
    return Results(index.plan, tuple(_read_run(index, run) for run in index.planned), index.tree)


def _read_run(index: Index, run: IndexedRun) -> Result:
    training = _check(index, run, run.training, run.record_folder / "record.json")
    evaluation = None
    if layout.table(run.phase) in EVALUATED_PHASES:
        evaluation = _check(index, run, run.evaluation, run.evaluation_file)
    history = _read_history(run.record_folder / "history.csv")
    return Result(run.phase, run.row, run.seed, training, evaluation, history, run.predictions)


def _check(index: Index, run: IndexedRun, record: dict[str, Any] | None, path: Path) -> dict[str, Any]:
    if record is None:
        others = [other for other in index.runs if other.evaluation and other.slot == run.slot and other is not run]
        reasons = [problem for problem in index.problems if problem.startswith(f"{path}:")]
        reasons += [f"{path}: evaluates run {other.run_key}, but this is run {run.run_key}" for other in others]
        raise ValueError([*reasons, f"{path}: no such file"][0])
    if record["status"] != "finished":
        raise ValueError(f"{path}: status is {record['status']!r}, only a finished run can be reported")
    return record


def _read_history(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    history = pd.read_csv(path)
    if tuple(history.columns) != HISTORY_COLUMNS:
        raise ValueError(f"{path}: columns {','.join(history.columns)}, expected {','.join(HISTORY_COLUMNS)}")
    return history
