"""What a parallel run shows: on a terminal a line for each running training, redrawn; elsewhere a line for each end."""

import re
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Protocol, TextIO

TAIL_BYTES = 2000  # of a log file: more than one line of a progress bar
BAR = re.compile(r"(leg \d+/\d+): +\d+%\|[^|]*\| *(\d+/\d+) \[[^<]*<([^,\]]+),[^,\]]*(?:, (.*?))?\]")


class Shown(Protocol):
    """What is shown of a running task."""

    name: str
    log: Path


class View:
    """Prints to `file`."""

    def __init__(self, file: TextIO = sys.stdout) -> None:
        self._file = file
        self.num_tasks = 0  # how many there are to do
        self._num_done = self._num_drawn = 0

    def say(self, text: str) -> None:
        """Print a line above what is redrawn."""
        self._erase()
        print(text, file=self._file, flush=True)

    def end(self, name: str, what: str, seconds: float, seconds_left: float | None) -> None:
        """Say how a task ended."""
        self._num_done += 1
        left = "" if seconds_left is None else f", about {format_minutes(seconds_left)} left"
        self.say(f"[{self._num_done}/{self.num_tasks}] {name} {what} in {format_minutes(seconds)}{left}")

    def draw(self, running: Collection[Shown]) -> None:
        """Draw the running tasks anew; without a terminal, nothing."""
        if not self._file.isatty():
            return
        self._erase()
        width = shutil.get_terminal_size().columns
        for task in running:
            print(f"  {task.name:<24} {read_progress(task.log)}"[: width - 1], file=self._file)
        self._file.flush()
        self._num_drawn = len(running)

    def _erase(self) -> None:
        if self._num_drawn:
            print(f"\x1b[{self._num_drawn}F\x1b[J", end="", file=self._file)
        self._num_drawn = 0


def read_progress(log: Path) -> str:
    """Leg, step, time left and losses, as the progress bar at the end of a training's log has them; else "starts"."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            tail = file.read().decode("utf-8", errors="replace")
    except OSError:
        return "starts"
    found = BAR.findall(tail)
    if not found:
        return "starts"
    leg, step, left, losses = found[-1]
    return f"{leg}  step {step}  {left} left  {losses}".rstrip()


def format_minutes(seconds: float) -> str:
    """As `40 s`, `3.5 min` or `2.1 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
