"""What differs between two sides: their params, data and code, their scores with intervals, the examples that flipped.

Shape suffixes: N examples, S seeds.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.metrics import METRICS, OVERALL
from pipeline.gate.cells import Cell
from pipeline.gate.difference_side import Side, TrainedRun
from pipeline.gate.verdicts import BOTH_COLLAPSED, Verdict, judge
from pipeline.runs.neutral import TRAIN
from pipeline.statistics.predictions import align, read_predictions

if TYPE_CHECKING:
    from pipeline.gate.difference_table import PairedRows  # pandas takes a second to import

# What a record that has no such param was trained with: the option came later.
NEUTRAL = {f"train.{key}": value if isinstance(value, str) else json.dumps(value) for key, value in TRAIN.items()}
TOLERANCE = 0.2  # of the range of the labels: a score this close to its label counts as right


@dataclass(frozen=True)
class Change:
    """A param, dataset or piece of code that differs; "" where a side has none."""

    row: str
    kind: str
    key: str
    one: str
    other: str


@dataclass(frozen=True)
class Score:
    """A score of both sides, means over seeds; the interval of the difference is None without predictions.

    `difference` is the second minus the first; of two rows of a table over the seeds that both have. `mark` is the
    table's, else `*` where the interval excludes zero. `collapsed` says of each side whether it is collapsed in any
    seed, `both_collapsed` that both are in all of theirs.
    """

    row: str
    metric: str
    one: float
    other: float
    difference: float
    num_seeds: tuple[int, int]
    interval: tuple[float, float] | None
    collapsed: tuple[bool, bool] = (False, False)
    both_collapsed: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Flip:
    """An example that one side has right and the other wrong; the answers are those of all seeds together."""

    row: str
    task: str
    id: str
    label: float
    one: float
    other: float
    is_fixed: bool


@dataclass(frozen=True)
class Difference:
    """Everything that differs. `only` names the rows that one side has alone."""

    changes: list[Change]
    scores: list[Score]
    flips: list[Flip]
    only: tuple[list[str], list[str]]
    remarks: list[str]
    paired: "PairedRows | None" = None


def find_difference(
    one: Side, other: Side, margins: dict[str, float], seed_sd: dict[str, float], paired: "PairedRows | None" = None
) -> Difference:
    """Compare row by row: rows of the same name, or where each side is one row, these two.

    `margins` and `seed_sd` are by task, as the gate's (pipeline.gate). Where the sides are `paired` as control and row,
    the differences are the table's.
    """
    pairs = list(_pair_rows(one, other))
    cells, cell_ids, remarks = [], [], [*one.missing, *other.missing]
    for name, runs, other_runs in pairs:
        for task in sorted(runs[0].predictions.keys() & other_runs[0].predictions.keys()):
            try:
                cell, ids = _make_cell(name, task, runs, other_runs)
            except ValueError as error:  # other dev examples: the scores still stand beside each other
                remarks.append(str(error))
                continue
            cells.append(cell)
            cell_ids.append(ids)
    metrics = {task: metric for _, runs, _ in pairs for task, metric in _metrics(runs[0]).items()}
    verdicts = judge(cells, metrics, margins, seed_sd)
    judged = {(verdict.row, verdict.task): verdict for verdict in verdicts}
    return Difference(
        changes=[change for pair in pairs for change in _find_changes(*pair)],
        scores=[score for pair in pairs for score in _find_scores(*pair, judged, paired)],
        flips=[
            flip
            for cell, ids in zip(cells, cell_ids, strict=True)
            for flip in _find_flips(cell, ids, metrics[cell.task])
        ],
        only=(_list_unpaired(one, pairs), _list_unpaired(other, pairs)),
        remarks=list(dict.fromkeys(remarks)),
        paired=paired,
    )


Pair = tuple[str, list[TrainedRun], list[TrainedRun]]  # a name for the two rows, and the runs of each


def _pair_rows(one: Side, other: Side) -> Iterator[Pair]:
    if len(one.rows) == len(other.rows) == 1:
        ((_, row), runs), ((_, other_row), other_runs) = *one.rows.items(), *other.rows.items()
        yield row if row == other_row else f"{row} -> {other_row}", runs, other_runs
        return
    for place, runs in one.rows.items():
        if place in other.rows:
            yield place[1], runs, other.rows[place]


def _list_unpaired(side: Side, pairs: list[Pair]) -> list[str]:
    paired = {id(runs) for _, *sides in pairs for runs in sides}
    return [row for (_, row), runs in side.rows.items() if id(runs) not in paired]


def _find_changes(name: str, runs: list[TrainedRun], other_runs: list[TrainedRun]) -> Iterator[Change]:
    """Of the lowest seed that both sides have: params are the same for all, but for the weights they start from."""
    seeds = {run.seed: run for run in other_runs}
    run, other = next(((run, seeds[run.seed]) for run in runs if run.seed in seeds), (runs[0], other_runs[0]))
    for kind in ("params", "data", "code"):
        values, other_values = getattr(run, kind), getattr(other, kind)
        for key in sorted(values.keys() | other_values.keys()):
            one, two = (side.get(key, NEUTRAL.get(key, "")) for side in (values, other_values))
            if one != two:
                yield Change(name, kind, key, one, two)


def _find_scores(
    name: str,
    runs: list[TrainedRun],
    other_runs: list[TrainedRun],
    judged: dict[tuple[str, str], Verdict],
    paired: "PairedRows | None",
) -> Iterator[Score]:
    metrics = _metrics(runs[0])
    keys = {task: f"{task}.{metric}" for task, metric in metrics.items()}
    if metrics == _metrics(other_runs[0]):  # else the overall scores are means of other things
        keys[OVERALL] = OVERALL
    for task, key in keys.items():
        sides = [[run.scores[key] for run in side if key in run.scores] for side in (runs, other_runs)]
        if all(sides):
            means, num_seeds = (fmean(sides[0]), fmean(sides[1])), (len(sides[0]), len(sides[1]))
            parts = [judged[name, part] for part in (metrics if task == OVERALL else [task]) if (name, part) in judged]
            difference = means[1] - means[0]
            if len(parts) < (len(metrics) if task == OVERALL else 1):
                yield Score(name, key, *means, difference, num_seeds, None)
                continue
            collapsed = (any(part.baseline_collapsed for part in parts), any(part.current_collapsed for part in parts))
            if paired and task in paired.scores:
                of_table = paired.scores[task]
                difference, interval, mark = of_table.difference, (of_table.low, of_table.high), of_table.mark
                both_collapsed = math.isnan(difference)
            else:
                both_collapsed = all(part.verdict == BOTH_COLLAPSED for part in parts)
                interval = _combine(parts, difference)
                mark = "*" if interval[0] > 0 or interval[1] < 0 else ""
            if both_collapsed:
                difference, interval, mark = means[1] - means[0], None, ""
            yield Score(name, key, *means, difference, num_seeds, interval, collapsed, both_collapsed, mark)


def _combine(verdicts: list[Verdict], difference: float) -> tuple[float, float]:
    """The interval of the mean of several tasks' scores, as of independent ones: half widths add in squares.

    Tasks that are collapsed on both sides add nothing: what has learned nothing does not vary.
    """
    moving = [verdict for verdict in verdicts if verdict.difference is not None]
    half_width = math.sqrt(sum(((verdict.high - verdict.low) / 2) ** 2 for verdict in moving)) / len(verdicts)
    return difference - half_width, difference + half_width


def _metrics(run: TrainedRun) -> dict[str, str]:
    """The metric of each task that the run was scored on."""
    pairs = [key.split(".") for key in run.scores if key.count(".") == 1]
    return {task: metric for task, metric in pairs if metric in METRICS}


def _make_cell(name: str, task: str, runs: list[TrainedRun], other_runs: list[TrainedRun]) -> tuple[Cell, list[str]]:
    files = [read_predictions(run.predictions[task]) for run in (*runs, *other_runs) if task in run.predictions]
    num_runs = sum(task in run.predictions for run in runs)
    labels_N, predictions_SN = align(files)
    return Cell(runs[0].phase, name, task, labels_N, *np.split(predictions_SN, [num_runs])), files[0].ids


def _find_flips(cell: Cell, ids: list[str], metric: str) -> Iterator[Flip]:
    """The examples that one side has right and the other wrong, those that moved furthest first."""
    of_classes = METRICS[metric].LABELS == "classes"
    tolerance = 0.0 if of_classes else TOLERANCE * np.ptp(cell.labels_N)
    sides = (cell.baseline_SN, cell.current_SN)
    one_N, other_N = (_vote(side_SN) if of_classes else side_SN.mean(axis=0) for side_SN in sides)
    errors_N, other_errors_N = abs(one_N - cell.labels_N), abs(other_N - cell.labels_N)
    flipped = np.flatnonzero((errors_N <= tolerance) != (other_errors_N <= tolerance))
    for place in flipped[np.argsort(-abs(other_errors_N - errors_N)[flipped], kind="stable")]:
        values = (float(values_N[place]) for values_N in (cell.labels_N, one_N, other_N))
        yield Flip(cell.row, cell.task, ids[place], *values, is_fixed=bool(other_errors_N[place] <= tolerance))


def _vote(predictions_SN: np.ndarray) -> np.ndarray:
    """The class that most seeds say; of several, the lowest."""
    classes = np.unique(predictions_SN)
    counts_CN = np.stack([(predictions_SN == value).sum(axis=0) for value in classes])
    return classes[counts_CN.argmax(axis=0)]
