"""`python -m stages.track`: exit codes and receipts, with a store that is there and one that is not."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.pipeline.tracking.synthetic import make_record, write_into
from tests.servers import free_port

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def warm_path(warm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(warm), prepend=os.pathsep)


def track(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return subprocess.run(
        ["python", "-m", "stages.track", *arguments], cwd=root, capture_output=True, text=True, check=False,
        env=environment | {"PYTHONPATH": str(PROJECT)} | variables,
    )  # fmt: skip


class Answer(BaseHTTPRequestHandler):
    """A server that answers everything with one status; with 0 it never answers."""

    status = 0

    def do_GET(self) -> None:
        if not self.status:
            self.server.released.wait()
            return
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"<html>no\nsuch luck</html>")

    do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def bad_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that is down, hangs, or refuses with a status."""
    if request.param == "down":
        yield f"http://127.0.0.1:{free_port()}"
        return
    status = 0 if request.param == "hanging" else int(request.param)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (Answer,), {"status": status}))
    server.released = threading.Event()
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.released.set()
    server.shutdown()


def test_one_line_of_counts_and_a_receipt_that_does_not_depend_on_the_store(root: Path) -> None:
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    first = track(root, "--receipt", "first.json")
    assert (first.returncode, first.stdout) == (0, "MLflow runs: 2 created, 0 updated, 0 unchanged\n")
    second = track(root, "--receipt", "second.json")
    assert second.stdout == "MLflow runs: 0 created, 0 updated, 2 unchanged\n"
    assert (root / "second.json").read_bytes() == (root / "first.json").read_bytes()
    assert json.loads((root / "first.json").read_text()) == {"num_records": 2, "profile": None, "projected": True}


@pytest.mark.parametrize("bad_server", ["down", "hanging", "500"], indirect=True)
def test_a_bad_server_is_named_once_and_filled_in_later(root: Path, bad_server: str) -> None:
    """As a stage of the graph (with a receipt) it is no failure; the seconds are those of one request, not of each."""
    write_into(root, make_record("data", "data", "download", None))
    short = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    done = track(root, "--receipt", "receipt.json", MLFLOW_TRACKING_URI=bad_server, **short)
    receipt = json.loads((root / "receipt.json").read_text())
    assert (done.returncode, done.stdout) == (0, "")
    assert receipt["projected"] is False
    assert receipt["reason"].startswith(f"MLflow at {bad_server}: ")
    assert done.stderr == f"track: not projected, `make track` does it later: {receipt['reason']}\n"
    assert track(root).stdout == "MLflow runs: 1 created, 0 updated, 0 unchanged\n"


class Tormentor(BaseHTTPRequestHandler):
    """A server that never comes to an end: it asks to wait for a day, drips, or has always one more page."""

    def do_GET(self) -> None:
        if self.kind == "waiting":
            self.answer(429, b"{}", ("Retry-After", "86400"))
        elif self.kind == "dripping":
            self.answer(200, b"", ("Content-Length", "86400"))
            while not self.server.released.wait(0.2):
                self.wfile.write(b" ")
        elif "runs/search" in self.path:
            self.answer(200, b'{"runs": [], "next_page_token": "next"}')
        else:
            self.answer(200, b'{"experiment": {"experiment_id": "1", "lifecycle_stage": "active"}}')

    do_POST = do_GET

    def answer(self, status: int, content: bytes, *headers: tuple[str, str]) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        for header in headers or [("Content-Length", str(len(content)))]:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endless_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server that never comes to an end."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (Tormentor,), {"kind": request.param}))
    server.released, server.handle_error = threading.Event(), lambda *_: None  # of a client that was killed
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.released.set()
    server.shutdown()


@pytest.mark.parametrize("endless_server", ["waiting", "dripping", "paging"], indirect=True)
def test_a_server_without_end_is_given_up_at_the_deadline_and_filled_in_later(root: Path, endless_server: str) -> None:
    write_into(root, make_record("data", "data", "download", None))
    honest = {"MLFLOW_TRACKING_URI": endless_server, "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "true"}
    done = track(root, "--receipt", "receipt.json", "--seconds", "2", **honest)
    receipt = json.loads((root / "receipt.json").read_text())
    assert (done.returncode, receipt["projected"]) == (0, False)
    assert "its 2 seconds are over: 0 runs were looked at" in receipt["reason"]
    assert track(root).stdout == "MLflow runs: 1 created, 0 updated, 0 unchanged\n"


def test_a_broken_record_fails_after_the_others_are_shown(root: Path) -> None:
    write_into(root, make_record("data", "data", "download", None))
    broken = root / "artifacts/tiny/records/data/tokenize/record.json"
    broken.parent.mkdir()
    broken.write_text("{")
    done = track(root, "--receipt", "receipt.json")
    assert done.returncode == 1
    assert done.stdout.startswith("MLflow runs: 1 created")
    assert str(broken) in done.stderr


def test_by_hand_a_bad_server_is_a_failure(root: Path) -> None:
    write_into(root, make_record("data", "data", "download", None))
    done = track(root, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_is_none_is_named(root: Path) -> None:
    write_into(root, make_record("data", "data", "download", None))
    (root / "mlflow.db").write_text("no database " * 1000)
    done = track(root, "--receipt", "receipt.json")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"track: not projected, `make track` does it later: MLflow at sqlite:///{root}/mlflow.db: "
        f"DatabaseError: file is not a database; move {root}/mlflow.db away, "
        "and `make track` makes it again from the records"
    ]
