"""What every row was trained with, from the records: what all rows share, and what each has of its own."""

from typing import Any

from pipeline.reporting.document import Table
from pipeline.reporting.results import Results
from pipeline.runs import layout

# Identities, not settings: hashes and places.
LEFT_OUT = ("code", "start.sha256", "start.weights", "start.kind", "start.tasks", "start.members")
TITLES = {"part1": "Part 1", "phase1": "Phase 1", "phase2": "Phase 2"}


def compose_settings(results: Results) -> list[Table]:
    """For each phase what is the same in all its rows, and what is not: one line per row, `key = value`.

    A row's settings are those of its first seed; seeds differ in the seed alone.
    """
    tables = []
    for phase in layout.PHASES:
        first = {row["row"]: results.runs_of(phase, row["row"])[:1] for row in results.rows(phase)}
        settings = {row: _pick(run.training["params"]) for row, runs in first.items() for run in runs}
        if not settings:
            continue
        trained = [params for params in settings.values() if "average" not in params]  # an average has few of its own
        shared = set.intersection(*(set(params.items()) for params in trained))
        lines = [["*all rows*", _list(dict(sorted(shared)))]]
        lines += [[f"`{row}`", _list(dict(sorted(params.items() - shared)))] for row, params in settings.items()]
        tables.append(Table(TITLES[phase], ["row", "settings"], lines, words=("row", "settings")))
    return tables


def _pick(params: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in params.items() if key not in LEFT_OUT and not key.startswith("code.")}


def _list(params: dict[str, str]) -> str:
    return ", ".join(f"`{key} = {value}`" for key, value in params.items())
