"""Content hashes of files and folders, the names by which runs refer to their inputs."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path


def hash_bytes(content: bytes) -> str:
    """SHA-256 of `content`, 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (relative to `root`) and contents of files; their order does not matter."""
    lines = sorted(f"{hash_file(path)}  {Path(path).relative_to(root).as_posix()}\n" for path in paths)
    return hash_bytes("".join(lines).encode())


def hash_folder(folder: Path) -> str:
    """SHA-256 over every file below `folder`, hidden files and Python's bytecode left out."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder")
    files = (path for path in folder.rglob("*") if path.is_file())
    kept = [path for path in files if not _is_hidden(path.relative_to(folder))]
    return hash_files(kept, folder)


def derive_seed(*parts: int | str) -> int:
    """A seed below 2**60 for one purpose, from the run's seed and the purpose's name, epoch, step and so on.

    What is drawn is a function of these alone: a run that goes on after a kill needs no generator's state.
    """
    return int(hash_bytes(json.dumps(parts).encode())[:15], 16)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
