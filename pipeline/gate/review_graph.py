"""DVC's graph as a review sees it: which stages the committed lock no longer fits, and which ones a repro ran."""

import re
import subprocess
import sys
from pathlib import Path

RUNNING = re.compile(r"Running stage '(?P<stage>[^']+)'")


class GraphError(ValueError):
    """DVC ended with an error; the text names the command and what it said last."""


def list_stale(root: Path, profile: str) -> list[str]:
    """The stages for which dvc.lock does not hold what the checkout says.

    The digests are made first, so that a comment makes nothing stale; nothing else is run or fetched. DVC's exit code
    does not tell. Outputs that are not here are no reason to be stale; what follows from a stale stage is not listed,
    since a stage may come out as it was.
    """
    _run_dvc(root, "repro", f"digest@{profile}")
    return _find_running(_run_dvc(root, "repro", "--allow-missing", "--dry"))


def reproduce(root: Path) -> list[str]:
    """Run `dvc repro`, its output passed on; gives the stages that were run, not up to date and not in the cache.

    In a fresh clone with a cache, what the lock names is put in its place first. `dvc repro` by itself would run every
    stage again that has an output in git, such as predictions, beside those in the cache.
    """
    _run_dvc(root, "checkout", "--allow-missing")
    return _find_running(_run_dvc(root, "repro", is_shown=True))


def _run_dvc(root: Path, *arguments: str, is_shown: bool = False) -> str:
    command = [sys.executable, "-m", "pipeline.engine.lock_file", *arguments]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if is_shown:
                print(line, end="", flush=True)
    if process.returncode:
        raise GraphError(f"dvc {' '.join(arguments)} failed: {_find_error(lines) or f'exit code {process.returncode}'}")
    return "".join(lines)


def _find_error(lines: list[str]) -> str:
    """DVC's last line of an error, or its first line: of a file that it cannot read it says so without the word."""
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors[-1:] or lines[:1] or [""])[0].strip()


def _find_running(output: str) -> list[str]:
    return list(dict.fromkeys(match["stage"] for match in RUNNING.finditer(output)))
