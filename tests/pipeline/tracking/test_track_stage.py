"""`python -m stages.track`: exit codes and receipts, with a store that is there and one that is not."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.tracking.synthetic import make_record, write_into

PROJECT = Path(__file__).parents[3]


def track(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        [sys.executable, "-m", "stages.track", *arguments], cwd=root, capture_output=True, text=True, check=False,
        env=environment | {"PYTHONPATH": str(PROJECT)} | variables,
    )  # fmt: skip


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def test_one_line_of_counts_and_a_receipt_that_does_not_depend_on_the_store(root: Path) -> None:
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    first = track(root, "--receipt", "first.json")
    assert (first.returncode, first.stdout) == (0, "MLflow runs: 2 created, 0 updated, 0 unchanged\n")
    second = track(root, "--receipt", "second.json")
    assert second.stdout == "MLflow runs: 0 created, 0 updated, 2 unchanged\n"
    assert (root / "second.json").read_bytes() == (root / "first.json").read_bytes()
    assert json.loads((root / "first.json").read_text()) == {"num_records": 2, "profile": None, "projected": True}


def test_a_dead_server_is_no_failure_with_a_receipt_and_one_without(tmp_path: Path, closed_port: int) -> None:
    write_into(tmp_path, make_record("data", "data", "download", None))
    uri = f"http://127.0.0.1:{closed_port}"
    done = track(tmp_path, "--receipt", "receipt.json", MLFLOW_TRACKING_URI=uri)
    receipt = json.loads((tmp_path / "receipt.json").read_text())
    assert done.returncode == 0
    assert receipt["projected"] is False
    assert receipt["reason"].startswith(f"MLflow at {uri}: ")
    assert len(done.stderr.splitlines()) == 1
    assert receipt["reason"] in done.stderr
    assert track(tmp_path, MLFLOW_TRACKING_URI=uri).returncode == 1


def test_a_broken_record_fails_after_the_others_are_shown(root: Path) -> None:
    write_into(root, make_record("data", "data", "download", None))
    broken = root / "artifacts/tiny/records/data/tokenize/record.json"
    broken.parent.mkdir()
    broken.write_text("{")
    done = track(root, "--receipt", "receipt.json")
    assert done.returncode == 1
    assert done.stdout.startswith("MLflow runs: 1 created")
    assert str(broken) in done.stderr
