"""Files and folders that appear whole or not at all."""

import math
import os
import subprocess
import sys

import pytest

from pipeline.files import atomic
from pipeline.files.atomic import atomic_folder, atomic_path, read_json, write_json, write_text
from tests.tiny import REPOSITORY


class Killed(BaseException):
    """What stops a block in the middle."""


def make_folder(path, name="file"):
    with atomic_folder(path) as folder:
        (folder / name).touch()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("old", [None, "old"])
def test_a_file_killed_in_the_middle_leaves_what_was_there(tmp_path, old):
    path = tmp_path / "a.json"
    if old:
        path.write_text(old)
    with pytest.raises(Killed), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise Killed
    assert names(tmp_path) == (["a.json"] if old else [])
    assert not old or path.read_text() == old


def test_a_file_replaces_the_old_one_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "a.tar.gz"
    for text in ("first", "second"):
        with atomic_path(path) as temporary:
            assert temporary.suffix == ".gz" and temporary.parent == path.parent
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "first"
        assert path.read_text() == text
    assert names(path.parent) == ["a.tar.gz"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a"):
        pass
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


@pytest.mark.parametrize("old", [False, True])
def test_a_folder_killed_in_the_middle_leaves_what_was_there(tmp_path, old):
    folder = tmp_path / "out"
    if old:
        write_text(folder / "old.txt", "old")
    with pytest.raises(Killed), atomic_folder(folder) as temporary:
        (temporary / "new.txt").write_text("half")
        raise Killed
    assert names(tmp_path) == (["out"] if old else [])
    assert not old or names(folder) == ["old.txt"]


def test_a_folder_that_a_kill_left_half_written_is_not_taken_up(tmp_path, monkeypatch):
    with pytest.raises(Killed), monkeypatch.context() as patch, atomic_folder(tmp_path / "out") as temporary:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)  # a real kill cleans nothing up
        (temporary / "half.txt").write_text("half")
        raise Killed
    assert names(temporary) == ["half.txt"]
    with atomic_folder(tmp_path / "out") as again:
        assert again == temporary and names(again) == []
        (again / "whole.txt").write_text("whole")
    assert names(tmp_path / "out") == ["whole.txt"]


@pytest.fixture
def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.mark.parametrize("write", [lambda path: write_text(path, "new"), make_folder], ids=["file", "folder"])
def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path, dead_pid, write):
    for pid in (dead_pid, os.getppid()):
        (tmp_path / f".weights.{pid}.tmp.safetensors").touch()
        make_folder(tmp_path / f".row-0.{pid}.tmp")
    make_folder(tmp_path / f".row-0.{dead_pid}.old")
    kept = [".row-0", f".row-0.{dead_pid}", ".gitignore", f"row-0.{dead_pid}.tmp"]
    for name in kept:
        (tmp_path / name).touch()
    write(tmp_path / "out")
    living = [f".row-0.{os.getppid()}.tmp", f".weights.{os.getppid()}.tmp.safetensors"]
    assert names(tmp_path) == sorted([*kept, *living, "out"])


@pytest.mark.parametrize("command", [["git"], [sys.executable, "-m", "dvc"]], ids=["git", "dvc"])
def test_git_and_dvc_pass_over_what_is_being_written(command, tmp_path):
    names = ["a/.row-0.12.tmp/record.json", "a/.row-0.12.old", "a/.metrics.12.tmp.json", "a/record.json"]
    ignored = subprocess.check_output([*command, "check-ignore", *names], cwd=REPOSITORY, text=True)
    assert ignored.split() == names[:-1]


def test_a_folder_is_never_missing_while_it_is_replaced(tmp_path, monkeypatch):
    """A kill at any rename finds the old folder or the new one there."""
    make_folder(tmp_path / "out")
    replace = os.replace

    def look(*arguments):
        replace(*arguments)
        assert (tmp_path / "out").exists()

    monkeypatch.setattr(os, "replace", look)
    make_folder(tmp_path / "out", "new")
    assert names(tmp_path / "out") == ["new"] and names(tmp_path) == ["out"]


def test_where_folders_cannot_be_swapped_two_renames_do(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_swap", lambda *_: False)
    for name in ("old", "new"):
        make_folder(tmp_path / "out", name)
    assert names(tmp_path / "out") == ["new"] and names(tmp_path) == ["out"]


def test_what_is_moved_into_place_is_on_the_disk_with_its_name(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def note(descriptor):
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    with atomic_folder(tmp_path / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "sub/file").touch()
    assert set(synced[:3]) == {str(path) for path in (folder / "sub", folder / "sub/file", folder)}
    assert synced[3:] == [str(tmp_path)]


def test_json_is_the_same_bytes_for_equal_values(tmp_path):
    for name, value in (("a", {"b": 1, "a": "é"}), ("b", {"a": "é", "b": 1})):
        write_json(tmp_path / name, value)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()
    assert read_json(tmp_path / "a") == {"a": "é", "b": 1}


def test_a_number_that_is_not_finite_is_refused_and_the_old_file_stays(tmp_path):
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": math.nan})
    assert read_json(tmp_path / "a.json") == 1


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_file_that_is_not_json_is_named(tmp_path, content):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.json: (no such|not a JSON) file"):
        read_json(path)


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    folder = tmp_path / "out"
    write_text(folder / "old.txt", "old")
    with atomic_folder(folder) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "new.txt").write_text("new")
        assert names(folder) == ["old.txt"]
    assert names(folder) == ["sub"] and names(tmp_path) == ["out"]
