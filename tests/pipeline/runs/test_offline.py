"""Running plan's commands: what is skipped, what is not, the deadline, failures, interrupts."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.engine.offline import read_commands, run_commands
from pipeline.files.atomic import write_json
from pipeline.runs import layout
from pipeline.runs.record import read_record, write_record
from tests.pipeline.runs.synthetic import CALLS, FAULTS, PROFILE, ROWS, make_run
from tests.tiny import REPOSITORY

PART1, PHASE1, PHASE2 = (f"{phase}/{row}-0" for phase, row in ROWS.items())
ALL = [
    f"train {PART1}", f"evaluate {PART1}", f"train {PHASE1}", f"evaluate {PHASE1}",
    f"start {PHASE2}", f"train {PHASE2}", f"evaluate {PHASE2}", "report",
]  # fmt: skip


def run(seconds: float | None = None):
    """Run the commands; returns the outcome and the stages that were called."""
    CALLS.unlink(missing_ok=True)
    outcome = run_commands(read_commands(PROFILE), seconds)
    return outcome, CALLS.read_text().splitlines() if CALLS.exists() else []


def test_everything_runs_in_order_and_then_only_start_and_report(project: Path) -> None:
    outcome, calls = run()
    assert calls == ALL
    assert (len(outcome.done), outcome.stop, outcome.exit_code) == (8, None, 0)
    outcome, calls = run()
    assert calls == [f"start {PHASE2}", "report"]
    assert outcome.stop is None


def test_a_changed_run_file_runs_again_with_all_that_follows_from_it(done_project: Path) -> None:
    write_json(layout.run_file(PROFILE, "phase1", ROWS["phase1"], 0), make_run("phase1", 0, train={"epochs": 9}))
    outcome, calls = run()
    assert calls == ALL[2:]  # phase 2 too: its start file has changed
    assert outcome.stop is None


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (
            f"artifacts/tiny/records/part1/{ROWS['part1']}-0/record.json",
            [f"train {PART1}", f"start {PHASE2}", "report"],
        ),
        (
            f"artifacts/tiny/records/part1/{ROWS['part1']}-0/history.csv",
            [f"train {PART1}", f"start {PHASE2}", "report"],
        ),
        (f"artifacts/tiny/predictions/{PHASE2}/sts.csv", [f"start {PHASE2}", f"evaluate {PHASE2}", "report"]),
        ("artifacts/tiny/summary/record.json", [f"start {PHASE2}", "report"]),
    ],
)
def test_what_is_lost_is_made_again(done_project: Path, lost: str, expected: list[str]) -> None:
    Path(lost).unlink()
    outcome, calls = run()
    assert calls == expected
    assert outcome.stop is None


def test_nothing_starts_after_the_deadline_but_what_is_done_counts(done_project: Path) -> None:
    (layout.training_record(PROFILE, "phase2", ROWS["phase2"], 0) / "record.json").unlink()
    outcome, calls = run(seconds=0)
    assert calls == [f"start {PHASE2}"]
    assert [command.stage for command in outcome.done][-1] == "start@tiny-iteration_3-0"
    assert (len(outcome.done), outcome.num_commands) == (5, 8)
    assert (outcome.stop, outcome.exit_code) == ("out of time before phase2@tiny-iteration_3-0", 0)


def test_a_command_past_the_deadline_is_stopped_by_sigterm_and_runs_next_time(project: Path) -> None:
    write_json(FAULTS, {f"train {PART1}": "hang"})
    outcome, calls = run(seconds=2)
    assert calls == ALL[:1]
    assert Path("stopped").read_text() == f"train {PART1}"
    assert "out of time in part1@tiny-sst-pretrain-0" in outcome.stop
    assert (outcome.done, outcome.exit_code) == ((), 0)
    FAULTS.unlink()
    outcome, calls = run()
    assert calls == ALL
    assert outcome.stop is None


def test_an_interrupt_stops_the_command_and_still_packs(project: Path) -> None:
    write_json(FAULTS, {f"train {PHASE1}": "hang"})
    shutil.copyfile(REPOSITORY / "stages" / "offline.py", "stages/offline.py")
    process = subprocess.Popen([sys.executable, "-m", "stages.offline", "--profile", PROFILE], stderr=subprocess.PIPE)
    while not CALLS.exists() or f"train {PHASE1}" not in CALLS.read_text():
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"offline: interrupted" in errors
    assert Path("stopped").read_text() == f"train {PHASE1}"
    assert Path("offline-tiny.tar.gz").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ({}, "allowed: a list of objects"),
        ([{"stage": "x"}], "allowed: a list of objects with the keys command, done, stage"),
    ],
)
def test_a_plan_that_is_none_is_named(project: Path, content: object, message: str) -> None:
    path = layout.plan(PROFILE) / "commands.json"
    path.unlink()
    if content is not None:
        write_json(path, content)
    with pytest.raises(ValueError, match=f"{path}: .*{message}"):
        read_commands(PROFILE)


def test_an_unfinished_record_does_not_count(done_project: Path) -> None:
    path = layout.training_record(PROFILE, "part1", ROWS["part1"], 0) / "record.json"
    write_record(path, read_record(path) | {"status": "killed"})
    _, calls = run()
    assert calls[0] == f"train {PART1}"


def test_a_failure_names_stage_and_exit_code_and_ends_the_run(project: Path) -> None:
    write_json(FAULTS, {f"train {PHASE1}": "fail"})
    outcome, calls = run()
    assert calls == ALL[:3]
    assert outcome.stop == "phase1@tiny-sst_then_sts-0 failed with exit code 3"
    assert (len(outcome.done), outcome.exit_code) == (2, 1)


def test_a_command_that_leaves_nothing_is_a_failure(project: Path) -> None:
    write_json(FAULTS, {f"train {PART1}": "leave nothing"})
    outcome, _ = run()
    assert "part1@tiny-sst-pretrain-0 ended well but left no valid" in outcome.stop
    assert (outcome.done, outcome.exit_code) == ((), 1)
