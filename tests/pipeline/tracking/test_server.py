"""The user interface: it follows what changes, names the pages worth opening, and stops when told."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.tracking import server
from pipeline.tracking.server import Follower, serve
from pipeline.tracking.store import StoreUnavailable, tracking_uri
from tests.pipeline.tracking.synthetic import event_lines, make_training, write_into
from tests.servers import free_port

PROJECT = Path(__file__).parents[3]
SECONDS_TO_START = 120


def statuses(root: Path) -> dict[str, str]:
    runs = MlflowClient(tracking_uri(root)).search_runs(["1"])
    return {run.info.run_name: run.info.status for run in runs}


def test_the_follower_projects_what_is_new_and_only_then_reads_the_records(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_into(root, make_training("baseline", 0))
    live = make_training("iteration_1", 0)
    events = root / ".work" / live["run_key"] / "events.jsonl"
    events.parent.mkdir(parents=True)
    events.write_text("".join(event_lines(live)))
    monkeypatch.setattr(time, "time", lambda: live["end_time"] / 1000)
    follower = Follower(root)
    assert follower.follow() == []
    assert statuses(root) == {"baseline-0": "FINISHED", "iteration_1-0": "RUNNING"}
    with monkeypatch.context() as patch:
        patch.setattr(server, "collect", None)
        assert follower.follow() == []
    write_into(root, live)
    assert follower.follow() == []
    assert statuses(root) == {"baseline-0": "FINISHED", "iteration_1-0": "FINISHED"}


def test_a_store_that_is_elsewhere_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        server, "open_store", lambda root: type("Remote", (), {"uri": "http://h", "address": "http://h"})
    )
    with pytest.raises(StoreUnavailable, match="no local one to serve"), serve(tmp_path, 5001):
        pass


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def test_an_interrupt_stops_the_stage_and_its_server(root: Path) -> None:
    port = free_port()
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.ui", "--port", str(port)], cwd=root, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(port) and stage.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert answers(port)
        stage.send_signal(signal.SIGINT)
        output, _ = stage.communicate(timeout=SECONDS_TO_START)
    finally:
        stage.kill()
    assert stage.returncode == 0
    assert f"http://127.0.0.1:{port}/".encode() in output
    assert not answers(port)
