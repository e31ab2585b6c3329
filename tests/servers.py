"""Servers on loopback, for tests: a free port, and waiting until one answers."""

import socket
import subprocess
import time
import urllib.error
import urllib.request

SECONDS_TO_START = 120


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for_server(port: int, process: subprocess.Popen, path: str = "/health") -> None:
    """Return once the server answers at `path`; an `AssertionError` where it ends, or does not in time."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status == 200:
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"no server at port {port}")
