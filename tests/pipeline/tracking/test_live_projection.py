"""The projection of runs that have not ended: followed, cut back, fallen silent, finished."""

import time
from pathlib import Path

import pytest

from pipeline.files.owner import own
from pipeline.runs import record_files
from pipeline.tracking.projection import Summary, project_live
from tests.pipeline.conftest import SERVER_TOO
from tests.pipeline.tracking.shown import history, project_all, runs_of
from tests.pipeline.tracking.synthetic import (
    NUM_EPOCHS,
    ROW,
    SEED,
    T0,
    event_lines,
    make_evaluation,
    make_training,
    write_into,
)

pytestmark = pytest.mark.usefixtures("any_store")

KEY = make_training(ROW, SEED)["run_key"]


def live_file(root: Path) -> Path:
    path = root / ".work" / KEY / "events.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands a minute after the synthetic runs."""
    monkeypatch.setattr(time, "time", lambda: (T0 + 400_000) / 1000)


@SERVER_TOO
def test_a_live_run_is_followed_and_then_finished(root: Path, recent: None) -> None:
    record = make_training(ROW, SEED)
    lines = event_lines(record)
    live_file(root).write_text("".join(lines[:502]) + '{"event": "metr')
    assert project_live(root) == (Summary(1, 0, 0), [])
    first = runs_of(root)[f"{ROW}-{SEED}"]
    assert first.info.status == "RUNNING"
    assert history(root, first, "loss/sst") == record["metrics"]["loss/sst"][:500]
    assert project_live(root) == (Summary(0, 0, 1), [])
    live_file(root).write_text("".join(lines[:1002]))
    assert project_live(root) == (Summary(0, 1, 0), [])
    assert history(root, first, "loss/sst") == record["metrics"]["loss/sst"][:1000]
    write_into(root, record)
    assert project_all(root) == Summary(0, 1, 0)
    last = runs_of(root)[f"{ROW}-{SEED}"]
    assert (last.info.run_id, last.info.status) == (first.info.run_id, "FINISHED")
    assert (last.info.start_time, last.info.end_time) == (record["start_time"], record["end_time"])
    assert history(root, last, "loss/sst") == record["metrics"]["loss/sst"]
    assert len(history(root, last, "dev/sst.accuracy")) == NUM_EPOCHS
    assert project_live(root, recorded={KEY}) == (Summary(0, 0, 0), [])


def test_a_live_run_that_was_cut_back_leaves_no_stale_points(root: Path, recent: None) -> None:
    lines = event_lines(make_training(ROW, SEED))
    live_file(root).write_text("".join(lines[:102]))
    project_live(root)
    again = lines[:52] + [line.replace('"time_ms": 17', '"time_ms": 18') for line in lines[52:72]]
    live_file(root).write_text("".join(again))
    project_live(root)
    steps = [step for step, _, _ in history(root, runs_of(root)[f"{ROW}-{SEED}"], "loss/sst")]
    assert steps == list(range(70))


def test_an_evaluation_and_a_live_run_of_one_key_do_not_push_each_other_out(root: Path, recent: None) -> None:
    live_file(root).write_text("".join(event_lines(make_training(ROW, SEED))[:102]))
    project_live(root)
    first = runs_of(root)[f"{ROW}-{SEED}"].info.run_id
    write_into(root, make_evaluation(ROW, SEED))
    for project_one in (project_all, project_live):
        project_one(root)
        run = runs_of(root)[f"{ROW}-{SEED}"]
        assert (run.info.run_id, run.info.status) == (first, "RUNNING")
        assert {"overall", "loss/sst"} <= set(run.data.metrics)


def test_a_live_run_that_fell_silent_was_killed(root: Path, recent: None, monkeypatch: pytest.MonkeyPatch) -> None:
    live_file(root).write_text("".join(event_lines(make_training(ROW, SEED))[:102]))
    project_live(root)
    monkeypatch.setattr(record_files, "SILENCE_MS", 0)
    project_live(root)
    assert runs_of(root)[f"{ROW}-{SEED}"].info.status == "KILLED"
    monkeypatch.undo()
    monkeypatch.setattr(time, "time", lambda: (T0 + 400_000) / 1000)
    project_live(root)
    assert runs_of(root)[f"{ROW}-{SEED}"].info.status == "RUNNING"


def test_who_holds_the_lock_lives_and_a_run_without_one_does_not_whatever_the_clock_says(root: Path) -> None:
    """The synthetic run is years old; an hour from now is a clock that is ahead."""
    for end_ms in (T0, (time.time() + 3600) * 1000):
        lines = event_lines(make_training(ROW, SEED) | {"start_time": int(end_ms)})
        live_file(root).write_text(lines[0])
        with own(live_file(root).parent):
            assert [record["status"] for record in record_files.read_live(root)[0]] == ["running"]
            left = (live_file(root).parent / "owner").read_bytes()
        (live_file(root).parent / "owner").write_bytes(left)  # as a kill leaves it
        assert [record["status"] for record in record_files.read_live(root)[0]] == ["killed"]
