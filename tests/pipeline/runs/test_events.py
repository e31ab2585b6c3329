"""The event file: what is written is read, a kill is survived at its end and only there."""

import json
import math
import shutil
from pathlib import Path

import pytest

from pipeline.runs.events import EventLog, read_events

IDENTITY = {"kind": "training", "profile": "tiny", "phase": "phase2", "row": "r", "seed": 0, "run_key": "abc"}


def test_events_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        log.params({"train": {"lr": 1e-5}})
        log.metrics({"loss/sst": 1}, step=50)
        assert read_events(path)[-1]["metrics"] == {"loss/sst": 1.0}  # readable while the run lives
        log.dataset("sst_train", "f" * 64, "train.csv", 100, "train")
        log.artifact("artifacts/tiny/history.csv")
        log.finish()
    events = read_events(path)
    assert [event["event"] for event in events] == ["start", "params", "metrics", "dataset", "artifact", "finish"]
    assert events[0]["identity"] == IDENTITY
    assert events[0]["environment"]["python"]
    assert events[1]["params"] == {"train": {"lr": 1e-5}}
    assert events[-1]["status"] == "finished"
    assert all(type(event["time_ms"]) is int for event in events)


def test_a_torn_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        log.metrics({"m": 0.5}, 1)
    whole = read_events(path)
    path.write_bytes(path.read_bytes() + b'{"event": "metr')
    assert read_events(path) == whole


@pytest.mark.parametrize("line", [b'{"event": "metr', b"[1]", b'{"time_ms": 1}'])
def test_a_bad_line_elsewhere_is_an_error_with_its_number(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        log.metrics({"m": 0.5}, 1)
    first, second = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([first, line, second, b""]))
    with pytest.raises(ValueError, match=r"events.jsonl: line 2"):
        read_events(path)


@pytest.mark.parametrize("left", [None, b"", b"damaged\nby\0others\n"])
def test_resuming_puts_back_what_was_remembered(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "work" / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        log.metrics({"m": 0.1}, 1)
        content = log.content
        log.metrics({"m": 0.2}, 2)
    if left is None:
        shutil.rmtree(path.parent)
    else:
        path.write_bytes(left or path.read_bytes())
    with EventLog.resume(path, content) as log:
        assert log.content == content
        log.metrics({"m": 0.3}, 2)
    assert [event["metrics"]["m"] for event in read_events(path)[1:]] == [0.1, 0.3]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, True, "0.5", None])
def test_a_metric_that_is_no_finite_number_is_refused(tmp_path: Path, value: object) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog.start(path, IDENTITY) as log:
        with pytest.raises(ValueError, match="metric loss/sst"):
            log.metrics({"loss/sst": value}, 3)
        with pytest.raises(ValueError, match="step"):
            log.metrics({"loss/sst": 0.5}, -1)
    assert len(read_events(path)) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [({"kind": "test"}, "kind"), ({"row": ""}, "row"), ({"seed": None}, "seed"), ({"host": "x"}, "host")],
)
def test_an_incomplete_identity_is_refused(tmp_path: Path, change: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EventLog.start(tmp_path / "events.jsonl", {**IDENTITY, **change})


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "failed"), (KeyboardInterrupt, "killed")])
def test_a_block_that_raises_ends_the_run(tmp_path: Path, error: type[BaseException], status: str) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(error), EventLog.start(path, IDENTITY):
        raise error
    assert json.loads(path.read_text().splitlines()[-1])["status"] == status


def test_starting_again_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for step in (1, 2):
        with EventLog.start(path, IDENTITY) as log:
            log.metrics({"m": 0.5}, step)
    assert [event.get("step") for event in read_events(path)] == [None, 2]


def test_a_param_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with EventLog.start(tmp_path / "events.jsonl", IDENTITY) as log, pytest.raises(ValueError, match="params"):
        log.params({"lr": math.nan})


def test_words_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with EventLog.start(tmp_path / "events.jsonl", IDENTITY) as log:
        with pytest.raises(ValueError, match="context 'test'"):
            log.dataset("d", "f" * 64, "d.csv", 1, "test")
        with pytest.raises(ValueError, match="not relative"):
            log.artifact(tmp_path / "history.csv")
        with pytest.raises(ValueError, match="status 'done'"):
            log.finish("done")
    assert len(read_events(tmp_path / "events.jsonl")) == 1
