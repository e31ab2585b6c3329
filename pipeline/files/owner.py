"""Who works on a run: one process at a time, by a lock on a file in its work folder, which dies with the process."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

NAME = "owner"
SECONDS_TO_WAIT = 10  # a process that was told to stop needs less
SECONDS_BETWEEN_LOOKS = 0.2


@contextmanager
def own(folder: Path, seconds: float = SECONDS_TO_WAIT) -> Iterator[None]:
    """Be the one that works in a run's work folder; a `ValueError` names the process that still is after `seconds`.

    The folder is made, and removed in the end if nothing else is left in it.
    """
    path, deadline = Path(folder) / NAME, time.monotonic() + seconds
    while (descriptor := _take(path)) is None:
        if time.monotonic() > deadline:
            raise ValueError(f"{folder}: process {_read_pid(path)} works on this run already: wait for it, or end it")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        if _is_same(descriptor, path):
            path.unlink()
        with suppress(OSError):  # something is left there, or nothing at all
            path.parent.rmdir()
        os.close(descriptor)


def is_owned(folder: Path) -> bool | None:
    """Whether a process works there now; None where none has said so, and it cannot be known."""
    try:
        descriptor = os.open(Path(folder) / NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(path: Path) -> int | None:
    """The file's descriptor, locked; None where somebody else holds it, or removes it just now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same(descriptor, path):
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _is_same(descriptor: int, path: Path) -> bool:
    """Whether the file at `path` is the one that is open: its last owner may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _read_pid(path: Path) -> str:
    try:
        return path.read_text() or "unknown"
    except OSError:
        return "unknown"
