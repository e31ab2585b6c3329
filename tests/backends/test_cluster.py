"""Runs on Ray nodes that share a DVC remote and nothing else: the pool's bytes, whatever dies."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.dirfs import DirFileSystem

from tests.backends.nodes import TOKEN, Nodes, start_nodes
from tests.backends.swift import BUCKET, KEY, REGION, SECRET, is_installed, start_swift
from tests.graph.project import Project
from tests.tiny import PROFILE

pytest.importorskip("ray", reason="Ray is not installed (make test-backends does)")

STARTED: list[subprocess.Popen[bytes]] = []  # the drivers of the test that runs
UP_TO_DATE = "Data and pipelines are up to date."
LISTEN = """
import psutil
from pipeline.engine.cluster import connect
connect("local")
children = psutil.Process().children(recursive=True)
sockets = [socket for child in children for socket in child.net_connections("inet") if socket.status == "LISTEN"]
print("listening at", *{socket.laddr.ip for socket in sockets})
"""


def build(root: Path, files: AbstractFileSystem, url: str, **settings: str) -> Project:
    """A project of which nothing has been run, with a DVC remote at `url`, and its files as `project.remote`."""
    root.mkdir()
    project = Project.build(root)
    project.remote = files
    project.dvc("remote", "add", "--default", "--local", "shared", url)
    for name, value in settings.items():
        project.dvc("remote", "modify", "--local", "shared", name, value)
    project.environment |= {"BERTY_DEVICE": "cpu", "RAY_AUTH_TOKEN": TOKEN}
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Its remote is a folder."""
    folder = tmp_path_factory.mktemp("folder")
    return build(folder / "project", DirFileSystem(str(folder / "remote")), str(folder / "remote"))


@pytest.fixture(scope="module")
def project_on_s3(tmp_path_factory) -> Iterator[Project]:
    """Its remote is an S3 server."""
    if not is_installed():
        pytest.skip("OpenStack Swift or dvc-s3 is not installed (make test-backends does)")
    folder = tmp_path_factory.mktemp("s3")
    try:
        os.setxattr(folder, "user.berty", b"")
    except OSError as error:
        pytest.skip(f"Swift needs extended attributes: {error}")
    with start_swift(folder / "swift") as s3:
        files = DirFileSystem(f"{BUCKET}/dvc", fsspec.filesystem("s3", **s3.options))
        access = {"access_key_id": KEY, "secret_access_key": SECRET, "region": REGION}
        yield build(folder / "project", files, f"s3://{BUCKET}/dvc", endpointurl=s3.url, **access)


@pytest.fixture
def nodes(tmp_path) -> Iterator[Nodes]:
    with start_nodes(tmp_path / "nodes") as nodes:
        yield nodes


@pytest.fixture(autouse=True)
def end_drivers() -> Iterator[None]:
    """Those of a test that fails."""
    yield
    while STARTED:
        STARTED.pop().kill()


def start(project: Project, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-u", "-m", "stages.repro", *arguments]
    with log.open("wb") as file:
        STARTED.append(subprocess.Popen(command, cwd=project.root, env=project.environment, stdout=file, stderr=file))
    return STARTED[-1]


def list_trained(log: Path) -> list[str]:
    """The runs of which the driver says that they are done."""
    return re.findall(r"^\[\d+/\d+\] (\S+) is done", log.read_text(), re.MULTILINE)


def wait_for_trained(num: int, driver: subprocess.Popen[bytes], log: Path) -> None:
    while len(list_trained(log)) < num:
        assert driver.poll() is None, log.read_text()
        time.sleep(0.05)


def count_trainings(project: Project) -> list[int]:
    """How many results the remote has of each training, by the keys of its run cache."""
    project.remote.invalidate_cache()
    entries = [path for path in project.remote.find("runs") if b"stages.train" in project.remote.cat_file(path)]
    keys = [path.split("/")[-2] for path in entries]
    return [keys.count(key) for key in set(keys)]


def read_weights(project: Project) -> dict[str, bytes]:
    files = (project.root / "artifacts" / PROFILE).rglob("weights.safetensors")
    return {str(path.relative_to(project.root)): path.read_bytes() for path in files}


def test_a_node_that_dies_changes_no_byte_of_what_the_pool_makes(project_on_s3, nodes, tmp_path):
    project = project_on_s3
    driver = start(project, tmp_path / "log", "--address", nodes.address)
    wait_for_trained(1, driver, tmp_path / "log")
    nodes.kill()
    assert driver.wait() == 0, (tmp_path / "log").read_text()
    assert len(list_trained(tmp_path / "log")) == 8
    assert UP_TO_DATE in project.dvc("status").stdout
    assert count_trainings(project) == [1] * 8
    ours = read_weights(project)
    shutil.rmtree(project.root / "artifacts")
    shutil.rmtree(project.root / ".dvc/cache")
    pool = start(project, tmp_path / "pool", "--jobs", "2")
    assert pool.wait() == 0
    assert len(list_trained(tmp_path / "pool")) == 8
    assert read_weights(project) == ours


def test_a_driver_that_dies_with_all_its_files_trains_nothing_twice_when_it_is_started_again(project, nodes, tmp_path):
    before = len(count_trainings(project))
    params = project.params
    params["profiles"][PROFILE]["train"]["learning_rate"] = 2.0e-3
    project.write(params)
    driver = start(project, tmp_path / "first", "--address", nodes.address)
    wait_for_trained(2, driver, tmp_path / "first")
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    shutil.rmtree(project.root / "artifacts")
    shutil.rmtree(project.root / ".dvc/cache")
    again = start(project, tmp_path / "second", "--address", nodes.address)
    assert again.wait() == 0, (tmp_path / "second").read_text()
    assert not set(list_trained(tmp_path / "first")) & set(list_trained(tmp_path / "second"))
    trainings = count_trainings(project)
    assert trainings == [1] * len(trainings) and len(trainings) == before + 8
    assert UP_TO_DATE in project.dvc("status").stdout


def test_a_wrong_token_is_refused(project, nodes, tmp_path):
    project.environment["RAY_AUTH_TOKEN"] = TOKEN[::-1]
    refused = start(project, tmp_path / "log", "--address", nodes.address)
    project.environment["RAY_AUTH_TOKEN"] = TOKEN
    assert refused.wait() == 1
    assert "not with this token" in (tmp_path / "log").read_text()


def test_a_ray_of_our_own_listens_on_loopback_alone(project):
    output = subprocess.check_output([sys.executable, "-c", LISTEN], cwd=project.root, text=True)
    addresses = re.search(r"^listening at (.*)", output, re.MULTILINE)[1].split()
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}
