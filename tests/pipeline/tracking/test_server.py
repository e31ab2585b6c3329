"""The user interface: it follows what changes, names the pages worth opening, and stops when told."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from pipeline.tracking import server
from pipeline.tracking.server import Follower, list_pages, serve
from pipeline.tracking.store import StoreUnavailable, tracking_uri
from tests.pipeline.tracking.synthetic import event_lines, make_record, make_training, write_into

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
        patch.setattr(server, "collect_records", None)
        assert follower.follow() == []
    write_into(root, live)
    assert follower.follow() == []
    assert statuses(root) == {"baseline-0": "FINISHED", "iteration_1-0": "FINISHED"}


def test_the_pages_are_of_the_rows_of_the_lowest_seed(project_root: Path) -> None:
    follower = Follower(project_root)
    follower.follow()
    curves, comparison = list_pages(project_root, 5001, follower.records)
    assert "http://127.0.0.1:5001/#/experiments/1/runs" in curves
    assert unquote(curves).endswith("tags.phase = 'phase2' and tags.seed = '0'")
    assert "compare-runs?runs=" in comparison, "MLflow finds its runs only as the first key"
    ids = json.loads(unquote(comparison.split("runs=")[1].split("&")[0]))
    client = MlflowClient(tracking_uri(project_root))
    names = [client.get_run(run_id).info.run_name for run_id in ids]
    assert names == ["baseline-0", "iteration_1-0", "iteration_2-0", "iteration_3-0"]


def test_without_a_summary_there_is_no_page(root: Path) -> None:
    record = make_record("training", "phase2", "baseline", 0)
    assert list(list_pages(root, 5001, [(record, root)])) == []


def test_a_store_that_is_elsewhere_is_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "open_store", lambda root: type("Remote", (), {"uri": "http://host.example"}))
    with pytest.raises(StoreUnavailable, match="no local one to serve"), serve(tmp_path, 5001):
        pass


def answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def test_an_interrupt_stops_the_stage_and_its_server(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
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
