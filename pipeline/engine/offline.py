"""Plan's commands in order, without DVC: what is done is skipped, a deadline is kept, what it stopped resumes."""

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.runs.run_files import read_run

# A training that is told to stop dies at once; only a stage that is writing needs a moment.
SECONDS_TO_STOP = 10

KEYS = {"stage", "command", "done"}


@dataclass(frozen=True)
class Command:
    """A line of commands.json; `done` is the file that says that its work is there."""

    stage: str
    words: tuple[str, ...]
    done: Path

    @property
    def run_path(self) -> Path | None:
        """The run file that it is given; the report has none."""
        return Path(self.words[self.words.index("--run") + 1]) if "--run" in self.words else None

    @property
    def leaves_record(self) -> bool:
        """Whether `done` is a record; what is left is a start file."""
        return self.done.name == "record.json"


@dataclass(frozen=True)
class Outcome:
    """How far the commands came: `done` are the first ones, `stop` says why there are no more (None: all are done)."""

    done: tuple[Command, ...]
    num_commands: int
    stop: str | None = None
    exit_code: int = 0  # not zero where a command failed or somebody interrupted

    @property
    def is_complete(self) -> bool:
        return len(self.done) == self.num_commands


class Stopped(Exception):
    """Why the commands do not go on, and the exit code to end with."""

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(reason)
        self.exit_code = exit_code


def read_commands(profile: str) -> list[Command]:
    """Read the commands of a profile's plan; a plan that is missing or not one is a `ValueError` naming the file."""
    path = layout.plan(profile) / "commands.json"
    lines = read_json(path)
    if not isinstance(lines, list) or any(not isinstance(line, dict) or set(line) != KEYS for line in lines):
        raise ValueError(f"{path}: allowed: a list of objects with the keys {', '.join(sorted(KEYS))}")
    commands = [Command(line["stage"], tuple(shlex.split(line["command"])), Path(line["done"])) for line in lines]
    for command in commands:
        if command.words[:1] != ("python",):
            raise ValueError(f"{path}: {command.stage}: {shlex.join(command.words)!r} does not begin with python")
    return commands


def run_commands(commands: list[Command], seconds: float | None = None) -> Outcome:
    """Run what is not done, in order and in the working folder, until all is done, one fails or `seconds` are over.

    A command past the deadline gets SIGTERM and goes on from its checkpoint the next time. An interrupt is a deadline
    that comes early. Start files are always written again: it takes a moment, and the weights that they name by their
    hash may have changed.
    """
    deadline = time.monotonic() + seconds if seconds is not None else float("inf")
    done: list[Command] = []
    try:
        for number, command in enumerate(commands, start=1):
            if not command.leaves_record or not is_done(command, done):
                if command.leaves_record and time.monotonic() >= deadline:
                    raise Stopped(f"out of time before {command.stage}", 0)
                print(f"[{number}/{len(commands)}] {command.stage}", flush=True)
                # A start is not held to the deadline.
                _run(command, max(deadline - time.monotonic(), 0) if command.leaves_record else float("inf"))
                if command.leaves_record and not is_done(command, done):
                    raise Stopped(f"{command.stage} ended well but left no valid {command.done}", 1)
            done.append(command)
    except Stopped as error:
        return Outcome(tuple(done), len(commands), str(error), error.exit_code)
    except KeyboardInterrupt:
        return Outcome(tuple(done), len(commands), "interrupted", 128 + signal.SIGINT)
    return Outcome(tuple(done), len(commands))


def is_done(command: Command, before: list[Command]) -> bool:
    """Whether the record is there, finished, with the files that it names, and belongs to the present run file.

    The report has no run file: it is done when its record is as new as the plan and every record `before` it.
    """
    try:
        record = read_record(command.done)
        key = read_run(command.run_path).key if command.run_path else None
    except ValueError:
        return False
    if record["status"] != "finished" or not all(Path(path).is_file() for path in record["artifacts"]):
        return False
    if key is not None:
        return record["run_key"] == key
    written = command.done.stat().st_mtime_ns
    return all(path.stat().st_mtime_ns <= written for path in _sources(record["profile"], before))


def _sources(profile: str, before: list[Command]) -> Iterator[Path]:
    yield layout.plan(profile) / "index.json"
    yield from (command.done for command in before if command.leaves_record)


def _run(command: Command, seconds: float) -> None:
    process = subprocess.Popen([sys.executable, *command.words[1:]])
    try:
        code = process.wait(seconds if seconds < float("inf") else None)
    except subprocess.TimeoutExpired:
        raise Stopped(f"out of time in {command.stage}, which goes on from its checkpoint", 0) from None
    finally:
        _end(process)
    if code != 0:
        raise Stopped(f"{command.stage} failed with exit code {code}", 1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no child behind: SIGTERM, then SIGKILL."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
