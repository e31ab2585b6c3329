"""Tracking stores for the rooms that use MLflow, which takes seconds to import: so only where a test asks for one."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import free_port, wait_for_server


@dataclass(frozen=True)
class Served:
    """A running MLflow server and the database behind it."""

    uri: str
    database: Path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Served]:
    """A real server on loopback. It keeps no connection open, so that its database can be replaced between tests."""
    from pipeline.tracking.server import serve

    folder = tmp_path_factory.mktemp("served")
    database = folder / "mlflow.db"
    shutil.copy(empty_store, database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        patch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
        port = free_port()
        with serve(folder, port) as process:
            wait_for_server(port, process)
            yield Served(f"http://127.0.0.1:{port}", database)


@pytest.fixture
def root(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root with an empty store and nothing else."""
    for name in ("MLFLOW_TRACKING_URI", "DVC_EXP_NAME"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return tmp_path


SERVER_TOO = pytest.mark.parametrize("any_store", ["sqlite", "server"], indirect=True)


@pytest.fixture
def any_store(request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database behind the project's store: a file that the project opens, or with SERVER_TOO a real server's."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return root / "mlflow.db"
    served = request.getfixturevalue("served")
    shutil.copy(request.getfixturevalue("empty_store"), served.database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.uri)
    return served.database


@pytest.fixture
def reset_store(any_store: Path, empty_store: Path) -> Callable[[], None]:
    """Puts an empty store in the place of the present one."""
    return lambda: shutil.copy(empty_store, any_store) and None
