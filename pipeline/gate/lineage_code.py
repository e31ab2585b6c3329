"""The training code of a run against this checkout and, where they differ, against the commit that it ran at."""

import ast
import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from pipeline.config.runs import TRAINING_CODE, hash_code

SECONDS = 60  # for git


def check_code(expected: str, commit: str, dirty: str, root: Path) -> tuple[bool | None, str]:
    """Whether the code with hash `expected` is here or at `commit`, and where; None where neither can be said."""
    if hash_code(root) == expected:
        return True, "this checkout's"
    source = _git(root, "show", f"{commit}:pipeline/config/runs.py")
    archive = _git(root, "archive", "--format=tar", commit, *TRAINING_CODE)
    if not source or not archive:
        return None, f"not this checkout's; commit {commit[:7]} is not here"
    if _read_training_code(source) != TRAINING_CODE:
        return None, f"not this checkout's; at commit {commit[:7]} other folders counted"
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        if hash_code(Path(folder)) == expected:
            return True, f"that of commit {commit[:7]}; this checkout's is another"
    if dirty != "false":
        return None, f"that of commit {commit[:7]} with changes that were not committed"
    return False, f"neither this checkout's nor that of commit {commit[:7]}"


def _git(root: Path, *arguments: str) -> bytes:
    """What git says; nothing where it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, timeout=SECONDS, check=False)
    return done.stdout if done.returncode == 0 else b""


def _read_training_code(source: bytes) -> tuple[str, ...] | None:
    """The value of TRAINING_CODE in another version of pipeline/config/runs.py."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["TRAINING_CODE"]:
            return ast.literal_eval(node.value)
    return None
