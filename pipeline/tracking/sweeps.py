"""What MLflow is to show of the sweeps of a profile: a run for each, with the runs of its trials below it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_bytes
from pipeline.files.owner import is_owned
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.tracking.tags import NOTE_TAG
from pipeline.tracking.view import Point, RunView, compose_view

SELECTION = "selection"  # the metric of a trial's record that it was judged by


def compose_sweeps(root: Path, profile: str) -> Iterator[RunView]:
    """Each sweep's view before those of its trials that have ended, none of which is planned: they are in no table.

    What the search leaves is read (pipeline/sweep/trials.py); a file that is none is a `ValueError` naming it.
    """
    for path in sorted((root / layout.sweeps(profile)).glob("*/sweep.json")):
        sweep = read_json(path)
        paths = path.parent.glob("trial_*/record.json")
        trials = sorted(((int(one.parent.name.removeprefix("trial_")), read_record(one)) for one in paths), key=_number)
        yield _compose_parent(sweep, trials, bool(is_owned(path.parent)))
        for number, record in trials:
            yield _compose_trial(sweep, number, record, root)


def _number(trial: tuple[int, dict[str, Any]]) -> int:
    return trial[0]


def _compose_parent(sweep: dict[str, Any], trials: list[tuple[int, dict[str, Any]]], is_going_on: bool) -> RunView:
    """Its points are only ever added to, and its start is the sweep's: so MLflow's run stays the same one."""
    scores = [
        Point(SELECTION, number, time_ms, value)
        for number, record in trials
        for _, time_ms, value in record["metrics"].get(SELECTION, [])
    ]
    note = f"A sweep of {sweep['row']}: `{sweep['command']}`. Its {SELECTION} is each trial's, on held-out examples."
    said = {key: str(sweep[key]) for key in ("row", "seed")}
    view = RunView(
        run_key=sweep["run_key"],
        original_key=sweep["run_key"],
        name=f"sweep of {sweep['row']}-{sweep['seed']}",
        status="RUNNING" if is_going_on else "FINISHED",
        start_time=sweep["start_time"],
        end_time=max((record["end_time"] for _, record in trials), default=sweep["start_time"]),
        params=said | {f"search.{key}": text for key, text in sweep["search"].items()},
        tags=said | {"kind": "sweep", NOTE_TAG: note, "reproduce": sweep["command"]},
        points=scores,
        datasets=[],
        artifacts=[],
        leads=True,
        is_whole=False,
        is_planned=False,
        fingerprint="",
    )
    return replace(view, fingerprint=hash_bytes(repr(view).encode()))


def _compose_trial(sweep: dict[str, Any], number: int, record: dict[str, Any], root: Path) -> RunView:
    view = compose_view([record], root, None, is_planned=False)
    tags = {"kind": "trial", NOTE_TAG: f"Trial {number} of a sweep of {sweep['row']}.", "reproduce": sweep["command"]}
    return replace(view, tags=view.tags | tags, parent=sweep["run_key"])
