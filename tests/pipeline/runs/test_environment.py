"""The environment of a run: versions, code version, command; never a folder of the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.runs import environment as module
from pipeline.runs.environment import environment

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]


def commit_in(folder: Path) -> None:
    for name in ("code.py", "dvc.lock"):
        (folder / name).write_text("1\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*GIT, *arguments], cwd=folder, check=True)


def test_it_names_versions_and_leaves_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "surely-not-installed"))
    described = environment()
    assert described["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "numpy" in described
    assert "surely-not-installed" not in described
    assert all(isinstance(value, str) and value for value in described.values())
    assert str(Path(sys.executable).parent) not in described["command"].split()[0]


def test_git_is_clean_or_dirty_by_the_code_and_not_by_what_runs_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.lock").write_text("2\n")
    described = environment()
    assert len(described["git_commit"]) == 40
    assert described["git_dirty"] == "false"
    (tmp_path / "code.py").write_text("2\n")
    assert environment()["git_dirty"] == "true"


def test_without_a_repository_git_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    described = environment()
    assert (described["git_commit"], described["git_dirty"]) == ("unknown", "unknown")
