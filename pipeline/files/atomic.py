"""Files and folders that appear whole or not at all: written under a temporary name, synced, moved into place.

Temporary names begin with a dot and have the process in them: `.NAME.PID.tmp`. What a killed process left is removed by
the next one that writes beside it; git, DVC (.gitignore, .dvcignore) and who looks for records pass it over.
"""

import ctypes
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)\.(tmp|old)(\.[^.]*)?")
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux's renameat2 (linux/fcntl.h, linux/fs.h)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; what was written there replaces `path` when the block ends well.

    The temporary name keeps the suffix, since some writers choose a format by it. A block that raises leaves
    `path` as it was and no temporary file behind.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder; it replaces the folder `path` when the block ends well.

    Where the system cannot swap two folders, the old one is renamed first: a kill between the two renames leaves both.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    temporary, old = (path.with_name(f".{path.name}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for written in (*temporary.rglob("*"), temporary):
            _sync(written)
        if not _swap(temporary, path):
            if path.exists():
                os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old, ignore_errors=True)
        _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(one: Path, other: Path) -> bool:
    """Let two paths change places in one step, and say whether it was done: Linux can, on most file systems."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    arguments = (AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return renameat2 is not None and renameat2(*arguments) == 0


def _sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what processes that are gone were writing in this folder."""
    for name in os.listdir(folder):
        if found := TEMPORARY.fullmatch(name):
            try:
                os.kill(int(found["pid"]), 0)
            except ProcessLookupError:
                shutil.rmtree(folder / name, ignore_errors=True)  # which leaves a file as it is
                with suppress(OSError):
                    (folder / name).unlink()
            except (PermissionError, OverflowError):
                pass  # somebody else's, or no process


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with line feeds."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with sorted keys, so that equal values are equal bytes.

    A number that is not finite is a `ValueError`: JSON has none, and a reader elsewhere would fail on it.
    """
    write_text(path, json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file; a file that is missing or is not JSON is a `ValueError` naming it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (ValueError, RecursionError) as error:  # also of what is nested deeply, and of numbers of 5000 digits
        raise ValueError(f"{path}: not a JSON file ({error})") from None
