"""One side of a comparison: trained runs with what made them and what came out, from a project's files."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.runs import layout
from pipeline.runs.index import IndexedRun, read_index
from pipeline.statistics.predictions import find_tasks

if TYPE_CHECKING:
    from pipeline.tracking.read_back import StoredRun  # MLflow takes seconds to import

Row = tuple[str, str]  # phase, row
MACHINE = ("git_commit", "git_dirty", "cpu")
PACKAGES = "packages."  # params of this kind, and "code", are of the code that ran


@dataclass(frozen=True)
class TrainedRun:
    """A training with its evaluation; values are text, as MLflow has them."""

    phase: str
    row: str
    seed: int
    params: dict[str, str]
    data: dict[str, str]  # dataset name -> content hash
    code: dict[str, str]  # hash of the training code, package versions, commit, machine
    scores: dict[str, float]
    predictions: dict[str, Path]  # by task


@dataclass(frozen=True)
class Side:
    """What the user named, and its runs by (phase, row), seeds in order. `missing` says what could not be had."""

    name: str
    rows: dict[Row, list[TrainedRun]]
    missing: list[str] = field(default_factory=list)
    is_row: bool = False  # of the profile as it is here

    @property
    def commit(self) -> str:
        """The commit that most of its runs were trained at."""
        commits = [run.code.get("git_commit", "unknown") for runs in self.rows.values() for run in runs]
        return max(commits, key=commits.count, default="unknown")


def read_side(name: str, root: Path, profile: str, rows: Iterable[str] | None = None) -> Side:
    """The runs of a profile in the project's files at `root`: all that its plan lists, or those of `rows`."""
    index = read_index(root, profile)
    chosen = [run for run in index.planned if run.training and (rows is None or run.row in rows)]
    runs, missing = [_make_run(run) for run in chosen], list(index.problems)
    without = [f"{run.phase}/{run.row}-{run.seed}" for run in runs if not run.predictions]
    if without:
        missing.append(f"{name}: no prediction files of {len(without)} runs, such as {without[0]}: scores alone")
    return Side(name, group_runs(runs), missing, is_row=rows is not None)


def group_runs(runs: Iterable[TrainedRun]) -> dict[Row, list[TrainedRun]]:
    """Runs by row, their seeds in order."""
    rows: dict[Row, list[TrainedRun]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        rows.setdefault((run.phase, run.row), []).append(run)
    return rows


def from_mlflow(stored: "StoredRun") -> TrainedRun:
    """A run that was read back from MLflow (pipeline.tracking.read_back)."""
    params, code = _split_params(stored.params)
    tags = stored.tags
    return TrainedRun(
        phase=tags["phase"],
        row=tags["row"],
        seed=int(tags["seed"]),
        params=params,
        data={key.removeprefix("dataset."): value for key, value in tags.items() if key.startswith("dataset.")},
        code=code | {key: tags.get(key, tags.get(f"environment.{key}", "unknown")) for key in MACHINE},
        scores={key: value for key, value in stored.metrics.items() if "/" not in key},
        predictions=find_tasks(stored.predictions) if stored.predictions else {},
    )


def _split_params(params: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """A record's params as text: those of the run, and those of the code that ran it."""
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()}
    code = {key: value for key, value in text.items() if key == "code" or key.startswith(PACKAGES)}
    return {key: value for key, value in text.items() if key not in code}, code


def _make_run(run: IndexedRun) -> TrainedRun:
    training, evaluation = run.training, run.evaluation or {"metrics": {}}
    params, code = _split_params(training["params"])
    machine = {key: training["environment"].get(key, "unknown") for key in MACHINE}
    return TrainedRun(
        layout.table(run.phase),
        run.row,
        run.seed,
        params=params,
        data={data["name"]: data["digest"] for data in training["datasets"]},
        code=code | machine,
        scores={key: points[-1][-1] for key, points in evaluation["metrics"].items()},
        predictions=find_tasks(run.predictions) if run.predictions else {},
    )
