"""The store: one, however many ask for it at once; failures in one line."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests
from sqlalchemy import event
from sqlalchemy.engine import Engine

from pipeline.tracking.store import StoreUnavailable, find_experiment, name_failures, open_store, tracking_uri

PROJECT = Path(__file__).parents[3]
OPEN = "import sys; from pathlib import Path; from pipeline.tracking.store import *; "
OPEN += "find_experiment(open_store(Path(sys.argv[1])), 'tiny')"


def test_the_store_is_a_file_at_the_root_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert tracking_uri(Path(".")) == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert tracking_uri(tmp_path) == "http://127.0.0.1:1"


@pytest.mark.parametrize("name", ["it's", "100%20", "why?x=1"])
def test_a_path_that_mlflow_reads_otherwise_is_refused_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / name
    root.mkdir()
    with pytest.raises(StoreUnavailable, match="MLflow takes no path with .* MLFLOW_TRACKING_URI="):
        open_store(root)
    assert not list(root.iterdir()) and list(tmp_path.iterdir()) == [root]


def test_processes_that_open_a_new_store_at_once_all_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    command = [sys.executable, "-c", OPEN, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors


def test_a_kill_while_the_store_is_created_leaves_none_and_the_next_one_creates_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def create_and_die() -> None:
        event.listen(Engine, "after_cursor_execute", lambda *at: "CREATE TABLE datasets" in at[2] and os._exit(9))
        open_store(tmp_path)

    killed = multiprocessing.get_context("fork").Process(target=create_and_die)
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert find_experiment(open_store(tmp_path), "tiny")
    assert not list(tmp_path.glob("*.new*"))


def test_a_store_that_was_wedged_by_a_kill_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("CREATE TABLE datasets (half INTEGER)")
    with pytest.raises(StoreUnavailable, match=rf"move {tmp_path}/mlflow.db away, and `make track`"):
        open_store(tmp_path)


def test_a_failure_is_one_line_without_credentials() -> None:
    with pytest.raises(StoreUnavailable) as caught, name_failures("http://me:secret@host.example:5000"):
        try:
            raise TimeoutError("timed out at 0x7f00\nwhile reading")
        except TimeoutError as cause:
            raise requests.ConnectionError("wrapped") from cause
    assert str(caught.value) == "MLflow at http://host.example:5000: TimeoutError: timed out"


def test_a_store_that_was_moved_is_not_written_to(root: Path, tmp_path: Path) -> None:
    find_experiment(open_store(root), "sample")
    moved = tmp_path / "moved"
    shutil.copytree(root, moved)
    with pytest.raises(StoreUnavailable, match="was moved or copied, its experiment sample keeps files in file:"):
        find_experiment(open_store(moved), "sample")
