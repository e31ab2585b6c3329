"""The trials of a sweep as runs: the row with other numbers, each in a folder of its own beside DVC's outputs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.config.params import parse_params
from pipeline.config.plan import check_rows, fit_trainings
from pipeline.config.runs import make_runs
from pipeline.config.schema import Params
from pipeline.config.selection import list_seeds
from pipeline.config.trainings import Training, read_facts
from pipeline.config.yaml_file import read_yaml, write_yaml
from pipeline.engine.tasks import Task
from pipeline.files.atomic import read_json, write_json
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.events import now_ms, read_events
from pipeline.runs.record import build_record, write_record
from pipeline.runs.start import make_start
from pipeline.sweep.space import Number, Range, put
from pipeline.training.task_data import SELECTION

PARAMS = Path("params.yaml")


class Sweep:
    """A row whose numbers are searched, with one seed, in the working folder, which is the project's root.

    `folder` is named by all that decides its trials: the row, its data and code, the ranges, the seed. What does not
    fit is a `ValueError`.
    """

    def __init__(self, row: str, ranges: list[Range], seed: int | None) -> None:
        self._raw = read_yaml(PARAMS)
        params = parse_params(self._raw, PARAMS)
        if row not in params.rows:
            raise ValueError(f"row {row!r}: allowed: those in `rows`: {', '.join(params.rows)}")
        self.profile, self.row, self.ranges, self._plain = params.profile, row, ranges, self._raw["iterations"][row]
        seeds = list_seeds(params, self.profile, "phase2", row)
        if seed not in (None, *seeds):
            raise ValueError(f"--seed {seed}: allowed: the seeds of {row}: {', '.join(map(str, seeds))}")
        self.seed = seeds[0] if seed is None else seed
        self._facts = read_facts(params, self.profile, Path())
        training, _ = self._make_training("plain", {})
        if not training.schedule:
            raise ValueError(f"iterations.{row}.schedule: it trains nothing, so there is nothing to search")
        if (keep := training.train["keep"]) != "best":
            why = "best: a trial is scored by the examples that choose its epoch, held out of training"
            raise ValueError(f"iterations.{row}.train.keep: {keep}; allowed: {why}")
        if any(one.key == "train.selection_fraction" for one in ranges):
            raise ValueError(
                "--search train.selection_fraction: trials that are scored by other examples do not compare"
            )
        for bounds in ({one.key: one.low for one in ranges}, {one.key: one.high for one in ranges}):
            self._make_training("bound", bounds)
        spec = self._make_run("plain", {})
        self._start = self._make_start(spec)
        searched = [[one.key, one.low, one.high, one.is_log] for one in ranges]
        self._key = hash_bytes(json.dumps([spec, self._start, searched], sort_keys=True).encode())
        self.folder = layout.sweeps(self.profile) / f"{row}-{self.seed}-{self._key[:8]}"

    def begin(self, command: str) -> None:
        """Say in the folder what it is of, once."""
        if not (path := self.folder / "sweep.json").exists():
            search = {one.key: f"{one.low:g} to {one.high:g}{', log' * one.is_log}" for one in self.ranges}
            said = {"run_key": self._key, "row": self.row, "seed": self.seed, "search": search}
            write_json(path, said | {"command": command, "start_time": now_ms()})

    def find(self, number: int) -> Path:
        """The folder of a trial."""
        return self.folder / f"trial_{number}"

    def write(self, number: int, values: dict[str, Number]) -> Task:
        """Write the run file and the start file of a trial."""
        spec = self._make_run(str(number), values)
        write_json(self.find(number) / "start.json", self._start)
        write_json(path := self.find(number) / "run.json", spec)
        return Task(path, spec)

    def read(self, number: int) -> tuple[list[float], dict[str, Any]]:
        """A trial's scores as `read_scores` has them, and its record so far; both empty before it has begun."""
        path = self.find(number) / "events.jsonl"
        if not path.exists() or not (events := read_events(path)):
            return [], {}
        record = build_record(events)
        return read_scores(record["metrics"], len(self._plain["schedule"])), record

    def close(self, number: int, status: str) -> None:
        """Write the record of a trial that has ended."""
        scores, record = self.read(number)
        if scores:
            record["metrics"][SELECTION] = [[0, record["end_time"], max(scores)]]
        if record:
            write_record(self.find(number) / "record.json", record | {"status": status})

    def write_row(self, values: dict[str, Number], note: str) -> str:
        """The row with these numbers, as a text for params.yaml."""
        row = {key: value for key, value in self._plain.items() if key not in ("note", "control", "paper")}
        return write_yaml({f"{self.row}_swept": {"note": note, "control": self.row} | put(row, values)})

    def _make_training(self, name: str, values: dict[str, Number]) -> tuple[Training, Params]:
        """The row with these numbers, and the params that it is one of."""
        name = f"{self.row}_trial_{name}"
        iterations = self._raw["iterations"] | {name: put(self._plain, values) | {"control": None}}
        params = parse_params(self._raw | {"rows": [*self._raw["rows"], name], "iterations": iterations}, PARAMS)
        check_rows(params, self.profile)
        (*_, training) = fit_trainings(params, self.profile, self._facts)
        return replace(training, seeds=[self.seed]), params

    def _make_run(self, name: str, values: dict[str, Number]) -> dict[str, Any]:
        training, params = self._make_training(name, values)
        runs = make_runs(params, self.profile, [training], [], self._facts)
        return next(run for run in runs if run["row"] == training.row and "skipped" not in run)

    def _make_start(self, spec: dict[str, Any]) -> dict[str, Any]:
        """The start file, which all trials share."""
        if spec["start"] != "encoder":
            path = layout.run_file(self.profile, "phase1", spec["start"], self.seed)
            recipe = Task(path, read_json(path))
            if not recipe.is_finished(recipe.record_files[0]):
                remedy = f"dvc repro {recipe.stages[0]}"
                raise ValueError(f"{self.row} starts from {recipe.name}, which is not trained: {remedy}")
        return make_start(spec)


def read_scores(metrics: dict[str, list[list[float]]], num_legs: int) -> list[float]:
    """The mean score on the held-out examples after each epoch of the last of so many legs: what `keep: best` goes by.

    `metrics` are those of a training's record.
    """
    ends = [[0]] if num_legs == 1 else metrics.get(f"kept_epoch/leg_{num_legs - 1}")
    values: dict[float, list[float]] = {}
    for key, points in metrics.items():
        for step, _, value in points if ends and key.startswith(f"{SELECTION}/") else ():
            if step > ends[-1][0]:
                values.setdefault(step, []).append(value)
    return [sum(found) / len(found) for _, found in sorted(values.items())]
