"""A project with two rows of two seeds, on a git repository, and no MLflow."""

import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.files.atomic import write_text
from tests.pipeline.tracking.synthetic import make_evaluation, make_training, write_into, write_plan
from tests.tiny import REPOSITORY

ROWS, SEEDS = ("baseline", "iteration_1"), (0, 1)
NUM_EXAMPLES = 200
IDS = [f"id{number}" for number in range(NUM_EXAMPLES)]


def git(root: Path, *arguments: str) -> str:
    name = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(["git", *name, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def write_answers(path: Path, num_right: int) -> None:
    """Predictions on sst: every label is 1, the first `num_right` examples are right."""
    lines = [f"{name},1,{int(number < num_right)}\n" for number, name in enumerate(IDS)]
    write_text(path, "".join(["id,label,prediction\n", *lines]))


def write_runs(root: Path, row: str, num_right: int, **params: object) -> None:
    """Both seeds of a row with so many right answers, its records and its params."""
    for seed in SEEDS:
        training, evaluation = make_training(row, seed), make_evaluation(row, seed)
        training["params"] = {"encoder": "minilm", "code": "c" * 64, "train.lr": 1e-5} | params
        time_ms = evaluation["end_time"]
        evaluation["metrics"] = {"sst.accuracy": [[0, time_ms, num_right / NUM_EXAMPLES]]}
        write_into(root, training)
        write_into(root, evaluation)
        write_answers(root / evaluation["artifacts"][0], num_right)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: `baseline` has half of its answers right, `iteration_1` four fifths."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    write_plan(root, ROWS, SEEDS)
    write_runs(root, "baseline", 100)
    write_runs(root, "iteration_1", 160, **{"train.lr": 1e-4})
    shutil.copy(REPOSITORY / "params.yaml", root / "params.yaml")
    git(root, "init", "--quiet", "--initial-branch", "main")
    monkeypatch.chdir(root)
    return root
