"""The tiny project after its first `dvc repro`: run once for all workers, and a copy for each file of tests."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.graph.project import Project


@pytest.fixture(scope="session")
def template(tmp_path_factory, warm, empty_store):
    """A project that is copied, never changed; `first_run` are the stages that its first repro ran."""
    Project.warm = warm
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "graph"
    folder.mkdir(exist_ok=True)
    root, done = folder / "made/project", folder / "first_run.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker that comes makes it, the others wait
        if not done.exists():
            shutil.rmtree(root.parent, ignore_errors=True)  # of one that failed
            root.mkdir(parents=True)
            template = Project.build(root)
            shutil.copy(empty_store, root)
            done.write_text(json.dumps(template.repro()))
    template = Project(root, root.parent / "mirror")
    template.first_run = json.loads(done.read_text())
    return template


@pytest.fixture(scope="module")
def project(template, empty_store, tmp_path_factory):
    """The file's own project; what its tests train stays in DVC's run cache."""
    root = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(template.root, root, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
    shutil.copy(empty_store, root)
    project = Project(root, template.mirror)
    project.first_run = template.first_run
    subprocess.run(["python", "-m", "stages.track"], cwd=root, env=project.environment, check=True)
    return project


@pytest.fixture(autouse=True)
def restore_params(project):
    """Every test begins with the same params.yaml."""
    before = project.params
    yield
    project.write(before)


@pytest.fixture
def edit():
    """Write a file of the project, which is put back when the test ends."""
    before: dict[Path, str | None] = {}

    def edit(path: Path, text: str, append: bool = False) -> None:
        before.setdefault(path, path.read_text() if path.exists() else None)
        path.write_text((before[path] or "") * append + text)

    yield edit
    for path, text in before.items():
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
