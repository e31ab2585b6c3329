"""MLflow's own server as a child process, and the loop that keeps it up to date while runs go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runs.index import Index
from pipeline.runs.record_files import find_record_files
from pipeline.tracking.collect import collect
from pipeline.tracking.projection import project, project_live
from pipeline.tracking.store import SQLITE, StoreUnavailable, open_store

HOST = "127.0.0.1"
SECONDS_TO_STOP = 10


class Follower:
    """Projects records when their files have changed, and event files every time it is asked."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[Path, int] | None = None
        self.indexes: list[Index] = []

    def follow(self) -> list[str]:
        """Bring MLflow up to date; return one line per file that cannot be read. Raises `StoreUnavailable`."""
        problems = []
        files = {path: path.stat().st_mtime_ns for path in find_record_files(self._root)}
        if files != self._seen:
            self.indexes, problems = collect(self._root)
            project(self.indexes, self._root)
            self._seen = files
        trained = {run.run_key for index in self.indexes for run in index.runs if run.training}
        _, live_problems = project_live(self._root, trained)
        return problems + live_problems


@contextmanager
def serve(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server on the project's store, at 127.0.0.1:`port`; leaving the block stops it and its children."""
    store = open_store(root)
    if not store.uri.startswith(SQLITE):
        raise StoreUnavailable(f"the tracking store is {store.address}: no local one to serve; open it where it is")
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store.uri, "--uvicorn-opts", "--log-level warning"]
    command += ["--artifacts-destination", str(store.artifacts)]
    # A session of its own: Ctrl-C reaches this process alone, which then stops the whole group in order.
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(SECONDS_TO_STOP)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def follow_until(process: subprocess.Popen[bytes], follower: Follower, seconds: float) -> Iterator[str]:
    """Follow every few `seconds` until the process ends; gives each new problem once."""
    reported: set[str] = set()
    while process.poll() is None:
        try:
            problems = follower.follow()
        except (StoreUnavailable, OSError) as error:  # a store that is busy, a file that a stage removes just now
            problems = [str(error)]
        yield from (problem for problem in problems if problem not in reported)
        reported.update(problems)
        time.sleep(seconds)
