"""`python -m stages.sweep`, from the command line to what it prints, with processes of its own."""

import os

import pytest

pytest.importorskip("optuna", reason="Optuna is not installed (pip install -r requirements-sweep.txt)")

from pipeline.engine import graph
from pipeline.runs.record import read_record
from pipeline.tracking import deadline
from stages import sweep as stage
from tests.tiny import PROFILE, call_stage


def test_two_trials_at_a_time_and_more_with_a_second_call(tiny, warm, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(warm), prepend=os.pathsep)
    made, shown = [], []
    monkeypatch.setattr(graph, "repro", made.append)
    monkeypatch.setattr(
        deadline, "project_in_time", lambda indexes, root, seconds: shown.append(indexes) or "2 created"
    )
    given = ("iteration_1", "--search", "train.learning_rate=1e-4..1e-2:log", "--jobs", 2, "--trials")
    call_stage(stage, *given, 2)
    text = capsys.readouterr().out
    assert "2 trials (2 complete, 0 pruned, 0 fail)" in text and "iteration_1_swept:" in text
    assert "MLflow runs: 2 created" in text and [index.profile for index in shown[0]] == [PROFILE]
    assert made == [f"plan@{PROFILE}"]
    (folder,) = (tiny.root / "artifacts" / PROFILE / "sweeps").iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.glob("trial_*/record.json")}
    assert len(before) == 2
    call_stage(stage, *given, 3)
    assert "3 trials (3 complete, 0 pruned, 0 fail)" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in before} == before
    records = [read_record(path) for path in folder.glob("trial_*/record.json")]
    assert {record["status"] for record in records} == {"finished"}
    assert len({record["params"]["train.learning_rate"] for record in records}) == 3
    assert not any("eval" in key or key.startswith("overall") for record in records for key in record["metrics"])
