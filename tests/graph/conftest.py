"""The tiny project after its first `dvc repro`: run once, and a copy for each file of tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.graph.project import Project


@pytest.fixture(scope="session")
def template(tmp_path_factory, warm):
    """A project that is copied, never changed; `first_run` are the stages that its first repro ran."""
    root = tmp_path_factory.mktemp("graph") / "project"
    root.mkdir()
    Project.warm = warm
    template = Project.build(root)
    template.first_run = template.repro()
    return template


@pytest.fixture(scope="module")
def project(template, tmp_path_factory):
    """The file's own project; what its tests train stays in DVC's run cache."""
    root = tmp_path_factory.mktemp("copy") / "project"
    shutil.copytree(template.root, root, symlinks=True, ignore=shutil.ignore_patterns("mlflow.db*", "mlartifacts"))
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
