"""Where a run ran: interpreter, machine, package versions, code version and command, as strings."""

import os
import platform
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

PACKAGES = ("torch", "numpy", "tokenizers", "safetensors")  # those that can change a result (requirements of training)

# A running pipeline writes these itself, so they say nothing about the code that ran.
WRITTEN_BY_RUNS = ("dvc.lock", "results")


def environment() -> dict[str, str]:
    """Describe this process: python, platform, cpu, num_cores, package versions, git_commit, git_dirty, command.

    A package that is not installed is left out; without git or outside a repository the git fields are "unknown".
    """
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _name_cpu(),
        "num_cores": str(os.cpu_count()),
        **_package_versions(),
        "git_commit": _git("rev-parse", "HEAD") or "unknown",
        "git_dirty": _git_dirty(),
        "command": _command(),
    }


def _package_versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _name_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git_dirty() -> str:
    left_out = [f":(top,exclude){path}" for path in WRITTEN_BY_RUNS]
    changes = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", *left_out)
    return "unknown" if changes is None else str(bool(changes)).lower()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _command() -> str:
    """The command line, with the interpreter's path (which names a machine's folders) shortened to its name."""
    return shlex.join([Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]])
