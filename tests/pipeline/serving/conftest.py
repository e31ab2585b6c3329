"""A tiny project with one row trained and evaluated, beside an empty store."""

import os
import shutil
from pathlib import Path

import pytest

from tests.tiny import TinyProject


@pytest.fixture
def trained(trained_template: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """A copy, beside an empty store, with the working directory in it."""
    shutil.copytree(trained_template, root, dirs_exist_ok=True)
    monkeypatch.chdir(root)
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    monkeypatch.setenv("BERTY_MIRROR", os.fspath(root / "mirror"))
    return TinyProject(root)
