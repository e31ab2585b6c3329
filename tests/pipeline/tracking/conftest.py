"""A project of records, and an empty tracking store that is copied instead of made."""

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.tracking.server import serve
from pipeline.tracking.store import open_store
from tests.pipeline.tracking.synthetic import (
    ROWS,
    SEEDS,
    T0,
    make_evaluation,
    make_record,
    make_training,
    write_into,
    write_plan,
)

SECONDS_TO_START = 120


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for_server(port: int, process: subprocess.Popen) -> None:
    """Return once MLflow's server answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).status == 200:
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError(f"no server at port {port}")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once: the migrations of a new one take seconds."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store(folder)
    return folder / "mlflow.db"


@dataclass(frozen=True)
class Served:
    """A running MLflow server and the database behind it."""

    uri: str
    database: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Served]:
    """A real server on loopback. It keeps no connection open, so that its database can be replaced between tests."""
    folder = tmp_path_factory.mktemp("served")
    database = folder / "mlflow.db"
    shutil.copy(template, database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        patch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        port = free_port()
        with serve(folder, port) as process:
            wait_for_server(port, process)
            yield Served(f"http://127.0.0.1:{port}", database)


@pytest.fixture
def root(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root with an empty store and nothing else."""
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(template, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture(params=["sqlite", "server"])
def any_store(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database behind the project's store: a file that the project opens, or that of a real server."""
    if request.param == "sqlite":
        return root / "mlflow.db"
    served = request.getfixturevalue("served")
    shutil.copy(request.getfixturevalue("template"), served.database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.uri)
    return served.database


@pytest.fixture
def reset_store(any_store: Path, template: Path) -> Callable[[], None]:
    """Puts an empty store in the place of the present one."""
    return lambda: shutil.copy(template, any_store) and None


@pytest.fixture
def project_root(root: Path) -> Path:
    """A project root with 8 trainings, their evaluations, 2 data records and a summary: 11 runs."""
    for row in ROWS:
        for seed in SEEDS:
            write_into(root, make_training(row, seed))
            write_into(root, make_evaluation(row, seed))
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    tables = ["results/tiny/table2.md", "results/tiny/figure2.png"]
    write_plan(root)
    write_into(root, make_record("summary", "summary", "summary", None, artifacts=tables, end_time=T0 + 800_000))
    return root
