"""The record of a run: everything that is known of it in one JSON file, built from its events."""

import json
import math
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json, write_json
from pipeline.runs.events import CONTEXTS, END_STATUSES, IDENTITY_KEYS, check_identity

VERSION = 1
STATUSES = ("running", *END_STATUSES)
DATASET_KEYS = ("name", "digest", "source", "num_examples", "context")


def build_record(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Fold events into a record; without a finish event its status is "running".

    Params are flattened with dots (a list becomes its JSON text). Params and tags said twice keep the last value,
    datasets and artifacts said twice are listed once.
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
    }
    for event in events[1:]:
        _add(record, event)
    return record


def _add(record: dict[str, Any], event: dict[str, Any]) -> None:
    match event["event"]:
        case "params":
            record["params"] |= flatten(event["params"])
        case "tags":
            record["tags"] |= event["tags"]
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
    """Check and write a record, whole or not at all."""
    check_record(record, str(path))
    write_json(path, record)


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a record; anything missing or unexpected is a `ValueError` naming file and field."""
    record = read_json(path)
    check_record(record, str(path))
    return record


def check_record(record: Any, where: str) -> None:
    """Raise `ValueError` naming `where` and the field unless `record` is complete and of the right types."""
    if not isinstance(record, dict) or record.get("version") != VERSION:
        raise ValueError(f"{where}: version: not a run record of version {VERSION}")
    fields = (*IDENTITY_KEYS, *_CHECKS)
    for missing in [key for key in fields if key not in record]:
        raise ValueError(f"{where}: {missing}: missing")
    for unknown in sorted(set(record) - {"version", *fields}):
        raise ValueError(f"{where}: {unknown}: unknown field")
    check_identity({key: record[key] for key in IDENTITY_KEYS}, where)
    for key, (is_allowed, allowed) in _CHECKS.items():
        if not is_allowed(record[key]):
            raise ValueError(f"{where}: {key}: allowed: {allowed}")


def _is_time(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are_params(value: Any) -> bool:
    def is_scalar(item: Any) -> bool:
        return item is None or isinstance(item, str | bool) or _is_finite(item)

    return isinstance(value, dict) and all(is_scalar(item) for item in value.values())


def _are_strings(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _are_metrics(value: Any) -> bool:
    def is_point(point: Any) -> bool:
        return isinstance(point, list) and len(point) == 3 and all(map(_is_time, point[:2])) and _is_finite(point[2])

    return isinstance(value, dict) and all(
        isinstance(points, list) and all(map(is_point, points)) for points in value.values()
    )


def _are_datasets(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(dataset, dict)
        and set(dataset) == set(DATASET_KEYS)
        and all(isinstance(dataset[key], str) for key in ("name", "digest", "source"))
        and type(dataset["num_examples"]) is int
        and dataset["context"] in CONTEXTS
        for dataset in value
    )


def _are_artifacts(value: Any) -> bool:
    """Paths that stay below the project root: a record may come from another machine."""
    return isinstance(value, list) and all(
        isinstance(path, str) and not Path(path).is_absolute() and ".." not in Path(path).parts for path in value
    )


_CHECKS = {
    "status": (lambda value: value in STATUSES, ", ".join(STATUSES)),
    "start_time": (_is_time, "milliseconds since 1970"),
    "end_time": (_is_time, "milliseconds since 1970"),
    "params": (_are_params, "names with strings, finite numbers, true, false or null"),
    "tags": (_are_strings, "names with strings"),
    "metrics": (_are_metrics, "names with lists of [step, time_ms, finite value]"),
    "datasets": (_are_datasets, f"a list with {', '.join(DATASET_KEYS)}; context one of {', '.join(CONTEXTS)}"),
    "artifacts": (_are_artifacts, "a list of paths relative to the project root"),
    "environment": (_are_strings, "names with strings"),
}
