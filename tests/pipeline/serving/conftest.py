"""A tiny project with one row trained, evaluated and shown in MLflow; trained once and copied."""

import os
import shutil
from pathlib import Path

import pytest

from pipeline.evaluation.evaluate import evaluate
from pipeline.training.loop import train
from tests.tiny import TinyProject


@pytest.fixture(scope="session")
def trained_template(tiny_template: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files; they are copied, never changed."""
    root = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(tiny_template.root, root, symlinks=True)
    before = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTY_DEVICE", "cpu")
        patch.chdir(root)
        project = TinyProject(root)
        project.plan()
        run = project.start("iteration_1")
        train(run)
        evaluate(run)
    assert Path.cwd() == before
    return root


@pytest.fixture
def trained(trained_template: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """A copy, beside an empty store, with the working directory in it."""
    shutil.copytree(trained_template, root, dirs_exist_ok=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    monkeypatch.setenv("BERTY_MIRROR", os.fspath(root / "mirror"))
    return TinyProject(root)
