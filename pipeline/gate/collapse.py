"""Collapsed cells: a row that gives nearly all examples of a task one prediction, in any of its seeds."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.config.schema import Profile
from pipeline.evaluation.metrics import METRICS, commonest_share, is_collapsed, spread
from pipeline.gate.cells import Files
from pipeline.statistics.predictions import align, read_predictions

MARK = "†"


@dataclass(frozen=True)
class Collapse:
    """A collapsed cell; `extent` is the share of the commonest prediction, or the spread, in its collapsed seeds."""

    row: str
    task: str
    extent: str
    collapsed: int  # seeds
    seeds: int
    is_allowed: bool  # the profile's `may_collapse` lists it


def find_collapses(files: Files, metrics: dict[str, str], profile: Profile) -> Iterator[Collapse]:
    """The collapsed cells of the present results, with or without a baseline; phase 1 has no line in a table."""
    for (phase, row, task), paths in files.items():
        if phase == "phase1":
            continue
        labels_N, predictions_SN = align([read_predictions(path) for path in paths.values()])
        kind = METRICS[metrics[task]].LABELS
        collapsed = [row_N for row_N in predictions_SN if is_collapsed(kind, labels_N, row_N)]
        if collapsed:
            extent = describe(kind, labels_N, collapsed)
            allowed = task in profile.may_collapse.get(row, [])
            yield Collapse(row, task, extent, len(collapsed), len(predictions_SN), allowed)


def describe(kind: str, labels_N: np.ndarray, collapsed: list[np.ndarray]) -> str:
    """How far these predictions are collapsed: of classes the share of the commonest, of scores the spread."""
    if kind == "classes":
        shares = [commonest_share(row_N) for row_N in collapsed]
        return f"one prediction for {_range(shares, '.1%')} of the examples"
    return f"a spread of {_range([spread(labels_N, row_N) for row_N in collapsed], '.4f')} of the labels'"


def _range(values: list[float], form: str) -> str:
    low, high = (format(value, form) for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
