"""Two folders of predictions as pairs of samples, `<phase>/<row>-<seed>/<task>.csv[.gz]`, joined by example id."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.statistics.predictions import align, find_tasks, read_predictions

RUN_FOLDER = re.compile(r"(?P<row>.+)-(?P<seed>\d+)")

Place = tuple[str, str, str]  # phase, row, task
Files = dict[Place, dict[int, Path]]  # the prediction file of each seed


@dataclass(frozen=True)
class Cell:
    """One row's predictions on one task, before and now. Shape suffixes: N examples, S seeds, of each side its own."""

    phase: str
    row: str
    task: str
    labels_N: np.ndarray
    baseline_SN: np.ndarray
    current_SN: np.ndarray

    @cached_property
    def is_identical(self) -> bool:
        """Whether both sides hold the same runs: nothing was computed anew, or what was came out the same."""
        sides = (self.baseline_SN, self.current_SN)
        before, after = (sorted(row_N.tobytes() for row_N in side_SN) for side_SN in sides)
        return before == after


def list_files(folder: Path, runs: Collection[tuple[str, str, int]] | None = None) -> Files:
    """The prediction files below a folder, of `runs` (phase, row, seed) only where they are given.

    A folder that is missing, holds none, or is laid out otherwise is a `ValueError`, as is one of `runs` without files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    files: Files = {}
    found = set()
    for phase in _folders(folder):
        for run in _folders(phase):
            match = RUN_FOLDER.fullmatch(run.name)
            if not match:
                raise ValueError(f"{run}: allowed: {folder}/<phase>/<row>-<seed>/<task>.csv or .csv.gz")
            row, seed = match["row"], int(match["seed"])
            if runs is not None and (phase.name, row, seed) not in runs:
                continue
            tasks = find_tasks(run)
            if not tasks:
                raise ValueError(f"{run}: no prediction files; allowed: <task>.csv or <task>.csv.gz")
            found.add((phase.name, row, seed))
            for task, path in tasks.items():
                files.setdefault((phase.name, row, task), {})[seed] = path
    for phase, row, seed in sorted(set(runs or ()) - found):
        raise ValueError(f"{folder / phase / f'{row}-{seed}'}: no predictions, but the plan lists this run")
    if not files:
        raise ValueError(f"{folder}: no predictions; allowed: <phase>/<row>-<seed>/<task>.csv or .csv.gz")
    return files


def join(baseline: Files, current: Files) -> list[Cell]:
    """Every (phase, row, task) of the baseline with its counterpart, in the baseline's order.

    One that the current side lacks, and ids or gold labels that differ, are a `ValueError`. The number of seeds may
    differ; what only the current side has is left out.
    """
    missing = [_name(place) for place in baseline if place not in current]
    if missing:
        raise ValueError(f"in the baseline, but not in the current predictions: {', '.join(missing)}")
    cells = []
    for place, files in baseline.items():
        sides = [list(files.values()), list(current[place].values())]
        labels_N, predictions_SN = align([read_predictions(path) for side in sides for path in side])
        cells.append(Cell(*place, labels_N, *np.split(predictions_SN, [len(files)])))
    return cells


def list_extra(baseline: Files, current: Files) -> list[str]:
    """What only the current side has, such as a new row."""
    return [_name(place) for place in current if place not in baseline]


def _name(place: Place) -> str:
    return "/".join(place)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
