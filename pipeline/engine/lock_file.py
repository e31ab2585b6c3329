"""DVC's commands with a dvc.lock that survives a kill: written whole, the last whole one kept, a broken one put back.

`python -m pipeline.engine.lock_file repro` is `dvc repro`. DVC itself writes the file in place: a kill leaves it empty
or cut, and every later command of DVC's fails on it. A lock that is older than the results costs nothing: DVC finds
them in its run cache. A cut exactly between two stages is a whole lock to DVC and to this module.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from pipeline.files.atomic import atomic_path
from pipeline.files.parent import end_with_parent
from pipeline.runs import layout

NAME = "dvc.lock"
KEPT = layout.WORK / "dvc.lock.kept"
BROKEN = layout.WORK / "dvc.lock.broken"


def find_fault(content: bytes) -> str | None:
    """What keeps DVC from reading a lock of this content, or says that it was cut; None where it is whole."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import loads_yaml

    if not content:
        return "it is empty"
    try:
        lock = loads_yaml(content.decode())
        stages = COMPILED_LOCKFILE_SCHEMA(lock).get("stages", {})
    except Exception as error:  # of three libraries
        return f"DVC cannot read it ({str(error).partition(chr(10))[0]})"
    cut = next((name for name, entry in stages.items() if not _is_complete(entry)), None)
    if cut or not content.endswith(b"\n"):
        return f"it ends within {cut or 'a line'}"
    return None


def _is_complete(entry: dict[str, Any]) -> bool:
    """Whether a stage of ours has outputs, and each its hash, which comes after its name."""
    return bool(entry.get("outs")) and all("md5" in out for out in entry["outs"])


def check(root: Path) -> None:
    """Raise a `ValueError` that says what mends it where dvc.lock is broken."""
    path = root / NAME
    if path.exists() and (fault := find_fault(path.read_bytes())):
        raise ValueError(f"{NAME}: {fault}; `make run` puts the last whole one back")


def mend(root: Path) -> None:
    """Keep a dvc.lock that is whole; put the last whole one in the place of a broken one, with a line on stderr.

    That is the one kept, or else git's. Where git has a broken one too, somebody committed it: DVC's error stands.
    """
    path = root / NAME
    if not path.exists():
        return
    content = path.read_bytes()
    kept = (root / KEPT).read_bytes() if (root / KEPT).exists() else None
    if content == kept:
        return
    fault = find_fault(content)
    if fault is None:
        _write(root / KEPT, content)
        return
    committed = _read_committed(root)
    whole = next((old for old in (kept, committed) if old is not None and find_fault(old) is None), None)
    if whole is None and committed is not None:
        return
    _write(root / BROKEN, content)
    if whole is None:
        path.unlink()
        what = "no whole one is kept: DVC begins a new one"
    else:
        _write(path, whole)
        what = "the last whole one is back in its place"
    print(f"{NAME}: {fault}; {what}, its run cache has what was done since ({BROKEN}: the broken one)", file=sys.stderr)


def find_rwlock_fault(root: Path) -> str | None:
    """Why every command of DVC's fails on its list of files in use, although nobody uses them; None where none does.

    A kill may cut the list off. What it names ends with its process, but DVC goes by the number: one that has ended and
    that nobody has waited for, as where a container has no init, is in use to it.
    """
    path = root / ".dvc/tmp/rwlock"
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return "a killed command left it broken"
    held = [uses if isinstance(uses, list) else [uses] for mode in lock.values() for uses in mode.values()]
    numbers = {int(use["pid"]) for uses in held for use in uses}
    return "the processes in it have ended" if numbers and not any(map(_is_alive, numbers)) else None


def mend_rwlock(root: Path) -> None:
    """Remove DVC's list of files in use where it has a fault.

    DVC writes it in place, in no time: what is broken for half a second belongs to nobody that is alive.
    """
    for _ in range(6):
        if not (fault := find_rwlock_fault(root)):
            return
        time.sleep(0.1)
    path = root / ".dvc/tmp/rwlock"
    print(f"{path}: {fault}; removed", file=sys.stderr)
    path.unlink(missing_ok=True)


def _is_alive(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _read_committed(root: Path) -> bytes | None:
    done = subprocess.run(["git", "show", f"HEAD:./{NAME}"], cwd=root, capture_output=True, check=False)
    return None if done.returncode else done.stdout


def _write(path: Path, content: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_whole() -> None:
    """From now on DVC, in this process, writes dvc.lock under a temporary name and renames it."""
    from dvc.utils.serialize import _common

    def dump(path: str, data: Any, dumper: Callable[..., None], fs: Any = None, **arguments: Any) -> None:
        with atomic_path(Path(os.path.realpath(path))) as temporary, temporary.open("w", encoding="utf-8") as file:
            dumper(data, file, **arguments)

    _common._dump_data = dump


def main(arguments: list[str]) -> int:
    """A command of DVC's, in the working folder."""
    from dvc.cli import main as run_dvc
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    root = Path.cwd()
    write_whole()
    try:
        with Repo(str(root)) as repo, repo.lock:  # nobody writes it now
            mend_rwlock(root)
            mend(root)
    except DvcException:
        pass  # somebody does, or there is no repository: DVC says so
    code = run_dvc(arguments)
    mend(root)
    return code


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
