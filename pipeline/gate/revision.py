"""The files of a git revision: what git has, and of what DVC has the records, from its cache or remote."""

import io
import subprocess
import tarfile
from pathlib import Path

from pipeline.runs import layout

SECONDS = 300  # for git and DVC; a remote may be slow
CODE = ("model", "pipeline", "stages", "requirements.lock", "dvc.yaml")


def find_revision(name: str, root: Path) -> str | None:
    """The commit that `name` means in the repository at `root`; None where it means none."""
    done = _run(root, "git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def find_merge_base(name: str, root: Path) -> str:
    """The commit from which HEAD branched off the revision `name`; `ValueError` where there is none."""
    commit = find_revision(name, root)
    if commit is None:
        if _run(root, "git", "rev-parse", "--git-dir").returncode:
            raise ValueError(f"{root} is no git repository, which knows what to compare with: git clone the project")
        raise ValueError(f"{name!r} is no revision of this repository")
    done = _run(root, "git", "merge-base", commit, "HEAD")
    if done.returncode:
        raise ValueError(f"HEAD and {name} have no commit in common (a shallow clone has none)")
    return done.stdout.decode().strip()


def write_files(commit: str, name: str, root: Path, target: Path) -> Path | None:
    """Write what git has at `commit` under the path `name` below `target`; gives its path there, None without any."""
    done = _run(root, "git", "archive", "--format=tar", commit, name)
    if done.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")
    return target / name


def write_revision(commit: str, profile: str, root: Path, target: Path) -> list[str]:
    """Write a profile's results, records and plan as they were at `commit` below `target`.

    Returns one line for each part that cannot be had. DVC's parts come from its cache, or from the remote.
    """
    missing = []
    results = layout.results(profile).as_posix()
    if write_files(commit, results, root, target) is None:
        missing.append(f"{results}: not in git at {commit[:7]}")
    if (target / layout.imported(profile)).is_dir():
        return missing  # trained elsewhere: its records are in git
    for folder in (layout.records(profile), layout.plan(profile), layout.artifacts(profile) / "predictions"):
        (target / folder).parent.mkdir(parents=True, exist_ok=True)
        done = _run(root, "dvc", "get", "--quiet", "--rev", commit, "--out", str(target / folder), ".", str(folder))
        is_published = (target / layout.results(profile) / folder.name).is_dir()  # as predictions are
        if done.returncode and not is_published:
            reason = (done.stderr.decode().strip().splitlines() or ["dvc get failed"])[0]
            missing.append(f"{folder}: neither in DVC's cache nor in its remote at {commit[:7]} ({reason})")
    return missing


def list_changed_files(one: str, other: str, root: Path) -> list[str]:
    """The files of code that differ between two commits; none where a commit is not here."""
    done = _run(root, "git", "diff", "--name-only", "--end-of-options", one, other, "--", *CODE)
    return done.stdout.decode().splitlines() if done.returncode == 0 else []


def _run(root: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=root, capture_output=True, timeout=SECONDS, check=False)
