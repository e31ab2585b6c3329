"""A synthetic project to run, and one that has run, with its archive."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.engine.offline import Outcome, read_commands, run_commands
from pipeline.runs.archive import list_files, write_archive
from tests.pipeline.runs.synthetic import PROFILE, write_project
from tests.tiny import REPOSITORY


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A planned project of one seed, nothing done, the working directory in it."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return tmp_path


@pytest.fixture(scope="session")
def done_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything done; copied, never changed."""
    root = tmp_path_factory.mktemp("done")
    write_project(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("PYTHONPATH", str(REPOSITORY))
        outcome = run_commands(read_commands(PROFILE))
    assert outcome.stop is None
    return root


@pytest.fixture
def done_project(done_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one seed with everything done, the working directory in it."""
    root = tmp_path / "done"
    shutil.copytree(done_template, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    return root


@pytest.fixture
def pack(done_project: Path) -> Callable[..., Path]:
    """Packs the done project as it is: all of it, or only the first commands; the archive lies outside of it."""

    def pack(num_done: int | None = None, without: tuple[str, ...] = ()) -> Path:
        commands = tuple(read_commands(PROFILE))
        outcome = Outcome(commands[:num_done], len(commands))
        files = {file for file in list_files(PROFILE, outcome.record_files) if file.as_posix() not in without}
        archive = done_project.parent / "offline.tar.gz"
        write_archive(archive, PROFILE, files)
        return archive

    return pack


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty project on the machine that an archive is brought to."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder
