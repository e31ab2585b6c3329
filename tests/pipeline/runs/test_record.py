"""The record: events folded, written, read and checked."""

import json
from pathlib import Path

import pytest

from pipeline.runs.events import EventLog, read_events
from pipeline.runs.record import build_record, read_record, write_record
from pipeline.runs.record_schema import find_faults

IDENTITY = {"kind": "training", "profile": "tiny", "phase": "phase2", "row": "r", "seed": 0, "run_key": "abc"}


@pytest.fixture
def record(tmp_path: Path) -> dict:
    path = tmp_path / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        log.params({"train": {"lr": 1e-5, "tasks": ["sst", "sts"]}, "amp": False, "cap": None})
        log.tags({"device": "cpu"})
        for step in (50, 100):
            log.metrics({"loss/sst": 1 / step}, step)
        for _ in range(2):
            log.dataset("sst_train", "f" * 64, "train.csv", 100, "train")
            log.artifact("artifacts/tiny/history.csv")
        log.replay({"losses": [0.5]})
        log.replay({"probe": {}})
        log.finish()
    return build_record(read_events(path))


def test_events_fold_into_a_record(record: dict) -> None:
    assert {key: record[key] for key in IDENTITY} == IDENTITY
    assert record["status"] == "finished"
    assert record["params"] == {"train.lr": 1e-5, "train.tasks": '["sst", "sts"]', "amp": False, "cap": None}
    assert record["tags"] == {"device": "cpu"}
    points = record["metrics"]["loss/sst"]
    assert [(step, value) for step, _, value in points] == [(50, 0.02), (100, 0.01)]
    assert all(record["start_time"] <= time_ms <= record["end_time"] for _, time_ms, _ in points)
    assert [dataset["name"] for dataset in record["datasets"]] == ["sst_train"]
    assert record["artifacts"] == ["artifacts/tiny/history.csv"]
    assert record["environment"]["git_commit"]
    assert record["replay"] == {"losses": [0.5], "probe": {}}


def test_events_without_a_start_or_with_an_unknown_one_are_refused(record: dict) -> None:
    start = {"event": "start", "time_ms": 1, "identity": IDENTITY, "environment": {}}
    with pytest.raises(ValueError, match="start event"):
        build_record([{"event": "finish", "time_ms": 1, "status": "finished"}])
    with pytest.raises(ValueError, match="unknown event 'gradient'"):
        build_record([start, {"event": "gradient", "time_ms": 2}])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 3),
        ("kind", "test"),
        ("seed", "0"),
        ("run_key", ""),
        ("status", "done"),
    ],
)
def test_a_wrong_field_is_named_in_reading_and_writing(record: dict, tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(ValueError, match=rf"record.json: {field}"):
        write_record(path, record | {field: value})
    assert not path.exists()
    path.write_text(json.dumps(record | {field: value}))
    with pytest.raises(ValueError, match=rf"record.json: {field}"):
        read_record(path)


def test_a_record_of_version_1_is_read_as_one_of_today(record: dict, tmp_path: Path) -> None:
    old = {key: value for key, value in record.items() if key != "replay"} | {"version": 1}
    names = ["artifacts/tiny/records/x/history.csv", "results/tiny/predictions/phase2/r-0/sst.csv"]
    (tmp_path / "record.json").write_text(json.dumps(old | {"artifacts": names}))
    moved = [names[0], "artifacts/tiny/predictions/phase2/r-0/sst.csv"]
    assert read_record(tmp_path / "record.json") == record | {"replay": {}, "artifacts": moved}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "0"),
        ("profile", "../tiny"),
        ("start_time", 1.5),
        ("end_time", None),
        ("params", {"a": {"b": 1}}),
        ("params", {"a": float("nan")}),
        ("tags", {"a": 1}),
        ("metrics", {"m": [[1, 2]]}),
        ("metrics", {"m": [[1, 2, float("inf")]]}),
        ("datasets", [{"name": "d"}]),
        ("artifacts", ["/etc/passwd"]),
        ("artifacts", ["artifacts/../../x"]),
        ("environment", []),
        ("replay", []),
        ("host", "x"),
    ],
)
def test_the_schema_names_a_wrong_field(record: dict, field: str, value: object) -> None:
    assert find_faults(record) == []
    assert [fault.startswith(field) for fault in find_faults(record | {field: value})][:1] == [True]


def test_a_run_without_an_end_is_running(tmp_path: Path) -> None:
    EventLog.start(tmp_path / "events.jsonl", IDENTITY).close()
    assert build_record(read_events(tmp_path / "events.jsonl"))["status"] == "running"


def test_missing_and_unknown_fields_are_named(record: dict, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    with pytest.raises(ValueError, match=r"record.json: metrics: missing"):
        write_record(path, {key: value for key, value in record.items() if key != "metrics"})
    with pytest.raises(ValueError, match=r"record.json: host: unknown"):
        write_record(path, record | {"host": "x"})
    with pytest.raises(ValueError, match="no such file"):
        read_record(path)
