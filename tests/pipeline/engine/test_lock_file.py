"""A kill while dvc.lock is written, and locks that a kill left: whole again, and nothing is done twice."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from dvc.utils.serialize import _yaml

from pipeline.engine.graph import Graph
from pipeline.engine.lock_file import check, find_rwlock_fault, mend_rwlock
from tests.tiny import REPOSITORY

STAGES = """stages:
  one: {cmd: cat source > one; echo one >> done, deps: [source], outs: [one]}
  two: {cmd: cat one > two; echo two >> done, deps: [one], outs: [two]}
"""
# A `dvc repro` that is killed while it writes the stage `two` to dvc.lock, of which a half is written by then.
KILLED = """
import os, sys
from dvc.utils.serialize import _yaml

write = _yaml._dump

def die_at_two(data, stream):
    if "two" in data.get("stages", {}):
        stream.write("schema: '2.0'\\nstages:\\n  one:\\n    cm")
        stream.flush()
        os._exit(9)
    write(data, stream)

_yaml._dump = die_at_two
from MODULE import main
main(["repro", "--quiet"])
"""


@pytest.fixture(scope="module", autouse=True)
def warm_path(warm: Path) -> Iterator[None]:
    """What is not killed is done in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(warm), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, warm_path: None) -> Path:
    """A project of two stages in git, of which none has run; each notes in the file `done` that it ran."""
    folder = tmp_path_factory.mktemp("template")
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    (folder / "dvc.yaml").write_text(STAGES)
    (folder / "source").write_text("1")
    return folder


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "root")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = ["python", *arguments]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def repro(root: Path) -> str:
    """What our `dvc repro`, which must succeed, says on stderr."""
    done = run(root, "-m", "pipeline.engine.lock_file", "repro", "--quiet")
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_kill_in_the_middle_of_writing_leaves_the_lock_of_before(root: Path) -> None:
    killed = run(root, "-c", KILLED.replace("MODULE", "pipeline.engine.lock_file"))
    assert killed.returncode == 9, killed.stderr
    assert (root / "dvc.lock").read_text().startswith("schema: '2.0'\nstages:\n  one:\n    cmd: cat")
    assert repro(root) == ""
    assert (root / "done").read_text().split() == ["one", "two"], "the run cache had the second"


def test_what_a_kill_of_plain_dvc_left_is_put_right(root: Path) -> None:
    killed = run(root, "-c", KILLED.replace("MODULE", "dvc.cli"))
    assert killed.returncode == 9 and (root / "dvc.lock").read_text().endswith("\n    cm"), killed.stderr
    assert repro(root).count("\n") == 1, "a line; nothing was kept yet"
    assert (root / "done").read_text().split() == ["one", "two"]


def test_a_broken_lock_is_replaced_by_the_last_whole_one_with_one_line(root: Path) -> None:
    repro(root)
    whole = (root / "dvc.lock").read_bytes()
    for content in ("", "schema: '2.0'\nstages:\n  one:\n    cmd: x\n", "- 1\n", "a: [\n", "half"):
        (root / "dvc.lock").write_text(content)
        with pytest.raises(ValueError, match="make run"):
            check(root)
        said = repro(root)
        assert said.startswith("dvc.lock: ") and said.count("\n") == 1, content
        assert (root / "dvc.lock").read_bytes() == whole, content
    assert (root / "done").read_text().split() == ["one", "two"]


def test_the_list_of_files_in_use_is_removed_where_all_that_it_names_have_ended(root: Path) -> None:
    """A process that nobody has waited for still has its number, by which DVC goes."""
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # and stays a zombie
    path, one = root / ".dvc/tmp/rwlock", str(root / "one")
    path.parent.mkdir(parents=True, exist_ok=True)
    for number, removed in ((ended.pid, True), (os.getpid(), False)):
        for lock in ({"write": {one: {"pid": number, "cmd": "dvc"}}}, {"read": {one: [{"pid": number, "cmd": "dvc"}]}}):
            path.write_text(json.dumps(lock))
            assert bool(find_rwlock_fault(root)) == removed
            mend_rwlock(root)
            assert path.exists() != removed
    ended.wait()


def test_where_none_is_kept_that_of_the_last_commit_is_used(root: Path) -> None:
    repro(root)
    whole = (root / "dvc.lock").read_bytes()
    commit = ["-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "lock"]
    for arguments in (["add", "--force", "dvc.lock"], commit):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    (root / ".work/dvc.lock.kept").unlink()
    (root / "dvc.lock").write_bytes(whole[:-40])
    repro(root)
    assert (root / "dvc.lock").read_bytes() == whole


def test_the_parallel_driver_too_leaves_the_lock_of_before(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repro(root)
    whole, dump = (root / "dvc.lock").read_bytes(), _yaml._dump

    def die(data: dict, stream: TextIO) -> None:
        if "stages" not in data:  # the run cache's
            return dump(data, stream)
        stream.write("schema: '2.0'")
        raise KeyboardInterrupt

    monkeypatch.setattr(_yaml, "_dump", die)
    monkeypatch.chdir(root)
    (root / "one").unlink()
    (root / "one").write_text("2")
    with pytest.raises(KeyboardInterrupt), Graph(root) as graph:
        graph.write_lock(["one"])
    assert (root / "dvc.lock").read_bytes() == whole
