"""The code that a run executed against this checkout's and, where they differ, against that of the run's commit."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pipeline.runs.code import combine_digests, digest_definitions, entries_of_run

SECONDS = 60  # for git
MOST_NAMES = 5


def name_code(code: dict[str, str] | str) -> str:
    """One hash for a run's `code`; an older run's is one."""
    return combine_digests(code) if isinstance(code, dict) else code


def check_code(run: dict[str, Any], commit: str, dirty: str, root: Path) -> tuple[bool | None, str]:
    """Whether the code that `run`, a run file, names is here or at `commit`, and where; None where it cannot be said.

    `dirty` is "false" where everything was committed.
    """
    if not isinstance(run["code"], dict):
        return None, "of an older kind, a hash over folders: not compared"
    here = _difference(run, root)
    if not here:
        return True, "this checkout's"
    archive = _archive(commit, root)
    if not archive:
        return None, f"not this checkout's ({here}); commit {commit[:7]} is not here"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        there = _difference(run, Path(folder))
    if not there:
        return True, f"that of commit {commit[:7]}; not this checkout's ({here})"
    if dirty != "false":
        return None, f"that of commit {commit[:7]} with changes that were not committed ({there})"
    return False, f"neither this checkout's ({here}) nor that of commit {commit[:7]} ({there})"


def _difference(run: dict[str, Any], root: Path) -> str:
    """The definitions below `root` that are not those of the run, in words; nothing where all are the same."""
    try:
        found = digest_definitions(entries_of_run(run), root)
    except ValueError as error:
        return str(error)
    names = sorted(name for name in found.keys() | run["code"].keys() if found.get(name) != run["code"].get(name))
    more = f" ... {len(names)} in all" if len(names) > MOST_NAMES else ""
    return f"other: {', '.join(names[:MOST_NAMES])}{more}" if names else ""


def _archive(commit: str, root: Path) -> bytes:
    """The Python files of a commit as a tar archive; nothing where git has none."""
    command = ["git", "archive", "--format=tar", commit, "--", "*.py"]
    done = subprocess.run(command, cwd=root, capture_output=True, timeout=SECONDS, check=False)
    return done.stdout if done.returncode == 0 else b""
