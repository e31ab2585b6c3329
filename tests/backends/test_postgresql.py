"""MLflow's server before PostgreSQL: it shows what the file shows, once, also when two machines project at once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.tracking.projection import Summary
from tests.backends.postgresql import start_postgresql
from tests.pipeline.tracking.shown import describe, project_all
from tests.pipeline.tracking.synthetic import write_records
from tests.servers import free_port, wait_for_server
from tests.tiny import REPOSITORY

pytest.importorskip("psycopg2", reason="psycopg2 is not installed (make test-backends does)")

SECONDS = 300  # for a projection: many times what it takes
# A projection that waits, after its look at which runs are there, until it is told to go on.
MACHINE = """
import sys
from pathlib import Path
from pipeline.tracking import projection
from tests.pipeline.tracking.shown import project_all

look = projection.settle_runs

def look_and_wait(*arguments):
    projection.settle_runs, found = look, look(*arguments)
    print("looked", flush=True)
    sys.stdin.readline()
    return found

projection.settle_runs = look_and_wait
project_all(Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with start_postgresql() as uri:
        yield uri


@pytest.fixture
def server(database, tmp_path) -> Iterator[str]:
    """The address of a server with an empty store."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(database, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", database, "--artifacts-destination", str(tmp_path / "artifacts")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for_server(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def records(tmp_path, monkeypatch) -> Path:
    """A project of eleven runs."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write_records(tmp_path / "records")
    return tmp_path / "records"


def test_the_server_shows_what_the_file_shows(records, server, monkeypatch):
    assert project_all(records) == Summary(11, 0, 0)
    in_file = describe(records)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert project_all(records) == Summary(11, 0, 0)
    assert describe(records) == in_file
    assert project_all(records) == Summary(0, 0, 11)


def test_two_machines_that_project_at_once_make_each_run_once(records, server, monkeypatch, tmp_path):
    project_all(records)
    in_file = describe(records)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    machines = []
    for name in ("one", "two"):
        shutil.copytree(records, tmp_path / name, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
        command = [sys.executable, "-c", MACHINE, str(tmp_path / name)]
        machines.append(subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    try:
        assert [machine.stdout.readline() for machine in machines] == [b"looked\n"] * 2
        for machine in machines:
            machine.stdin.write(b"\n")
            machine.stdin.flush()
        assert [machine.wait(SECONDS) for machine in machines] == [0, 0]
    finally:
        for machine in machines:
            machine.kill()
    assert describe(records) == in_file, "neither twice nor half"
    assert project_all(records) == Summary(0, 0, 11)
