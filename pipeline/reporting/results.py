"""The results of a profile: exactly the runs that its plan lists, each with its record, evaluation and history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.files.atomic import read_json
from pipeline.runs.record import read_record

HISTORY_COLUMNS = ("leg", "epoch", "step", "split", "task", "metric", "value")
# Phase 1 only hands its weights on: it has curves, but no line in a table, so its evaluation is not asked for.
EVALUATED_PHASES = ("part1", "phase2")
PHASES = ("part1", "phase1", "phase2")


@dataclass(frozen=True)
class Run:
    """One finished training of a row with a seed; `evaluation` is None in phase 1."""

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

    def has_score(self, key: str) -> bool:
        """Whether the evaluation holds the metric."""
        return bool(self.evaluation["metrics"].get(key))


@dataclass(frozen=True)
class Results:
    """A plan's index and its runs, in the index's order."""

    index: dict[str, Any]
    runs: tuple[Run, ...]

    def rows(self, phase: str) -> list[dict[str, Any]]:
        """The rows that the index lists for a phase."""
        return self.index.get(phase, [])

    def runs_of(self, phase: str, row: str) -> list[Run]:
        """The runs of a row, one per seed, in the order of the index's seeds."""
        return [run for run in self.runs if (run.phase, run.row) == (phase, row)]

    def metric(self, task: str) -> str:
        """The metric that a task is judged by."""
        return self.index["tasks"][task]["metric"]


def read_results(plan_folder: Path, records_folder: Path) -> Results:
    """Read every run that `plan_folder/index.json` lists.

    What else lies in `records_folder` is not looked at, so a row that left the plan leaves the tables. A record that
    is missing, has not finished, or belongs to another run is a `ValueError` naming it.
    """
    index = read_json(Path(plan_folder) / "index.json")
    runs = tuple(
        _read_run(Path(records_folder), phase, row["row"], seed)
        for phase in PHASES
        for row in index.get(phase, [])
        for seed in index["seeds"]
    )
    return Results(index, runs)


def _read_run(records_folder: Path, phase: str, row: str, seed: int) -> Run:
    folder = records_folder / phase / f"{row}-{seed}"
    training = _read_finished(folder / "record.json", row, seed)
    evaluation = None
    if phase in EVALUATED_PHASES:
        path = records_folder / f"eval_{phase}" / f"{row}-{seed}" / "record.json"
        evaluation = _read_finished(path, row, seed)
        if evaluation["run_key"] != training["run_key"]:
            trained, evaluated = training["run_key"], evaluation["run_key"]
            raise ValueError(f"{path}: evaluates run {evaluated}, but {folder / 'record.json'} is run {trained}")
    predictions = records_folder.parent / "predictions" / phase / f"{row}-{seed}"
    history = _read_history(folder / "history.csv")
    return Run(phase, row, seed, training, evaluation, history, predictions if predictions.is_dir() else None)


def _read_finished(path: Path, row: str, seed: int) -> dict[str, Any]:
    record = read_record(path)
    if (record["row"], record["seed"]) != (row, seed):
        raise ValueError(f"{path}: record of {record['row']}-{record['seed']}, expected {row}-{seed}")
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
