"""Kills that are not survived are found: other bytes, a process that stays, a command that fails unkilled."""

import random
import subprocess

import pytest

from studies import kills

RESUMES = "echo x >> steps; sleep 0.3; echo whole > out"
FORGETS = "test -e steps && echo half > out && exit; echo x >> steps; sleep 0.3; echo whole > out"
STAYS = "echo x >> steps; setsid sleep 20 & sleep 0.3; echo whole > out"
BREAKS = "test -e steps && exit 3; echo x >> steps; sleep 0.3; echo whole > out"


class Shell(kills.Project):
    """A project whose every command is one line of a shell."""

    def __init__(self, folder, line):
        self.root, self.log, self.line = folder / "project", folder / "log", line

    def begin(self):
        self.root.mkdir()

    def start(self, command):
        self.log.write_text("")
        return subprocess.Popen(["sh", "-c", self.line], cwd=self.root)

    def digest(self):
        return {"out": (self.root / "out").read_text()}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (RESUMES, ""),
        (FORGETS, "then other bytes: out"),
        (STAYS, "still there after 1 s: "),
        (BREAKS, "then stages.repro --jobs 2 ended with 3"),
    ],
)
def test_what_went_wrong_after_a_kill(line, wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(kills, "PATIENCE", 1.0)
    monkeypatch.setattr(kills.random.Random, "uniform", lambda *_: 0.15)
    project = Shell(tmp_path, line)
    (kill,) = kills.survive(project, random.Random(0), {"out": "whole\n"}, number=1, seconds=0.3)
    assert kill.wrong.startswith(wrong) and bool(kill.wrong) == bool(wrong)


def test_a_pass_that_fails_without_a_kill_is_no_pass(tmp_path):
    with pytest.raises(RuntimeError, match="nothing was killed, then .* ended with 3"):
        kills.survive(Shell(tmp_path, "exit 3"), random.Random(0), {}, number=0, seconds=1)


def test_a_temporary_file_and_a_folder_of_work_are_left_over(tmp_path):
    import sqlite3

    project = kills.Project.__new__(kills.Project)
    project.root = tmp_path
    (tmp_path / ".work" / ("a" * 64)).mkdir(parents=True)
    (tmp_path / "artifacts/tiny/phase2/row-0").mkdir(parents=True)
    (tmp_path / "artifacts/tiny/phase2/.row-0.123.tmp").mkdir()
    (tmp_path / "artifacts/tiny/phase2/row-0/weights.safetensors").write_bytes(b"weights")
    store = sqlite3.connect(tmp_path / "mlflow.db")
    store.execute("create table runs (status text, lifecycle_stage text)")
    store.executemany("insert into runs values (?, ?)", [("FINISHED", "active"), ("RUNNING", "deleted")])
    store.commit()
    store.close()
    found = project.digest()
    assert [name for name, value in found.items() if value == "left over"] == [
        "artifacts/tiny/phase2/.row-0.123.tmp",
        ".work/" + "a" * 64,
    ]
    assert found["MLflow FINISHED"] == "1" and "MLflow RUNNING" not in found
    assert len(found["artifacts/tiny/phase2/row-0/weights.safetensors"]) == 64
