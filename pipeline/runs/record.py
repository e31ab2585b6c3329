"""The record of a run: everything that is known of it in one JSON file, built from its events."""

import json
from pathlib import Path
from typing import Any

from pipeline.files import forms
from pipeline.files.atomic import read_json, write_json
from pipeline.runs.events import END_STATUSES, IDENTITY_KEYS, check_identity

VERSION = 2
STATUSES = ("running", *END_STATUSES)
CONTENT_KEYS = (
    "status start_time end_time params tags metrics datasets artifacts environment replay".split()
)  # and IDENTITY_KEYS, and version; pipeline/runs/record_schema.py has their types

ANYTHING = forms.value(lambda found: True, "")
COUNT, TEXTS = forms.whole(0), forms.mapping(forms.text())
DATASET = forms.fields({"num_examples": COUNT} | dict.fromkeys(("name", "digest", "source", "context"), forms.text()))
# One that is shown, or comes from another machine, is held to pipeline/runs/record_schema.py, which is stricter.
TYPES = forms.fields(
    {
        **dict.fromkeys(("profile", "phase", "row"), forms.text(forms.NAME)),
        "run_key": forms.text(r"\S{1,64}"),
        "start_time": COUNT,
        "end_time": COUNT,
        "params": forms.mapping(forms.either(forms.number(), forms.boolean(), forms.optional(forms.text()))),
        "tags": TEXTS,
        "metrics": forms.mapping(forms.list_of(forms.list_of(forms.number(), 3, 3))),
        "datasets": forms.list_of(DATASET),
        "artifacts": forms.list_of(forms.text(forms.FILE)),
        "environment": TEXTS,
        "replay": forms.mapping(ANYTHING),
    },
    others=True,
)


def build_record(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold events into a record; without a finish event its status is "running".

    Params are flattened with dots (a list becomes its JSON text). Params, tags and parts of the replay said twice keep
    the last value, datasets and artifacts said twice are listed once.
    """
    if not events or events[0]["event"] != "start":
        raise ValueError("events of a run begin with a start event")
    record: dict[str, Any] = {
        "version": VERSION,
        **events[0]["identity"],
        "status": "running",
        "start_time": events[0]["time_ms"],
        "end_time": events[-1]["time_ms"],
        "params": {},
        "tags": {},
        "metrics": {},
        "datasets": [],
        "artifacts": [],
        "environment": events[0]["environment"],
        "replay": {},
    }
    for event in events[1:]:
        _add(record, event)
    return record


def _add(record: dict[str, Any], event: dict[str, Any]) -> None:
    match event["event"]:
        case "params":
            record["params"] |= flatten(event["params"])
        case "tags" | "replay" as field:
            record[field] |= event[field]
        case "metrics":
            for key, value in event["metrics"].items():
                record["metrics"].setdefault(key, []).append([event["step"], event["time_ms"], value])
        case "dataset":
            if event["dataset"] not in record["datasets"]:
                record["datasets"].append(event["dataset"])
        case "artifact":
            if event["path"] not in record["artifacts"]:
                record["artifacts"].append(event["path"])
        case "finish":
            record["status"] = event["status"]
        case unknown:
            raise ValueError(f"unknown event {unknown!r}")


def flatten(params: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"train": {"lr": 0.1}} to {"train.lr": 0.1}."""
    flat: dict[str, Any] = {}
    for key, value in params.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, list | tuple) else value
    return flat


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Write a record, whole or not at all; a field that is missing, unknown or of another run is a `ValueError`."""
    check_record(record, str(path))
    write_json(path, record)


def read_record(path: Path) -> dict[str, Any]:
    """Read a record, one of version 1 as one of today; a file that is none is a `ValueError` naming file and field."""
    record = migrate(read_json(path))
    check_types(record, path)
    return record


def check_types(record: Any, where: object) -> None:
    """As `check_record`, and each field is of its type."""
    check_record(record, str(where))
    forms.check(record, TYPES, where)


def migrate(record: Any) -> Any:
    """A record of version 1 as one of version 2: without a replay, its files where they would lie today.

    Evaluation wrote its predictions below results/ then, and tokenize its data report.
    """
    if not isinstance(record, dict) or record.get("version") != 1 or not isinstance(record.get("artifacts"), list):
        return record
    moved = {f"results/{record.get('profile')}/predictions/": f"artifacts/{record.get('profile')}/predictions/"}
    if record.get("kind") == "data":
        moved = {f"results/{record.get('profile')}/": f"artifacts/{record.get('profile')}/data/"}
    artifacts = []
    for name in record["artifacts"]:
        for before, after in moved.items():
            if isinstance(name, str) and name.startswith(before):
                name = after + name.removeprefix(before)
        artifacts.append(name)
    return record | {"version": VERSION, "replay": {}, "artifacts": artifacts}


def check_record(record: Any, where: str) -> None:
    """Raise `ValueError` naming `where` and the field unless `record` has every field and says whose it is.

    What comes from another machine, `pipeline.runs.record_schema` checks in full.
    """
    if not isinstance(record, dict) or record.get("version") != VERSION:
        raise ValueError(f"{where}: version: not a run record of version {VERSION}")
    fields = (*IDENTITY_KEYS, *CONTENT_KEYS)
    for missing in [key for key in fields if key not in record]:
        raise ValueError(f"{where}: {missing}: missing")
    for unknown in sorted(set(record) - {"version", *fields}):
        raise ValueError(f"{where}: {unknown}: unknown field")
    check_identity({key: record[key] for key in IDENTITY_KEYS}, where)
    if record["status"] not in STATUSES:
        raise ValueError(f"{where}: status: allowed: {', '.join(STATUSES)}")
