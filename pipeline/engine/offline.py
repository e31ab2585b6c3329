"""Plan's commands in order, without DVC: what is done is skipped, a deadline is kept, what it stopped resumes."""

import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.tasks import is_finished
from pipeline.files.atomic import read_json
from pipeline.runs import layout

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
    def is_of_a_run(self) -> bool:
        """Whether it trains or evaluates. A start file and the report take a moment and are made again each time."""
        return "--run" in self.words and self.done.name == "record.json"


@dataclass(frozen=True)
class Outcome:
    """How far the commands came: `done` are the first ones, `stop` says why there are no more (None: all are done)."""

    done: tuple[Command, ...]
    num_commands: int
    stop: str | None = None
    exit_code: int = 0  # not zero where a command failed or somebody interrupted

    @property
    def record_files(self) -> list[Path]:
        """The records of the runs that are done."""
        return [command.done for command in self.done if command.is_of_a_run]


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
    return [Command(line["stage"], tuple(shlex.split(line["command"])), Path(line["done"])) for line in lines]


def run_commands(commands: list[Command], seconds: float | None = None) -> Outcome:
    """Run what is not done, in order and in the working folder, until all is done, one fails or `seconds` are over.

    A command past the deadline gets SIGTERM and resumes from its checkpoint the next time. An interrupt is a deadline
    that comes early.
    """
    deadline = time.monotonic() + (float("inf") if seconds is None else seconds)
    done: list[Command] = []
    try:
        for number, command in enumerate(commands, start=1):
            if not is_done(command):
                left = deadline - time.monotonic() if command.is_of_a_run else float("inf")
                if left <= 0:
                    raise Stopped(f"out of time before {command.stage}", 0)
                print(f"[{number}/{len(commands)}] {command.stage}", flush=True)
                _run(command, left)
                if command.is_of_a_run and not is_done(command):
                    raise Stopped(f"{command.stage} ended well but left no valid {command.done}", 1)
            done.append(command)
    except Stopped as error:
        return Outcome(tuple(done), len(commands), str(error), error.exit_code)
    except KeyboardInterrupt:
        return Outcome(tuple(done), len(commands), "interrupted", 128 + signal.SIGINT)
    return Outcome(tuple(done), len(commands))


def is_done(command: Command) -> bool:
    """Whether the record is there, finished, with the files that it names, and belongs to the present run file."""
    if not command.is_of_a_run:
        return False
    return is_finished(command.done, Path(command.words[command.words.index("--run") + 1]))


def _run(command: Command, seconds: float) -> None:
    process = subprocess.Popen([sys.executable, *command.words[1:]])
    try:
        code = process.wait(seconds if seconds < float("inf") else None)
    except subprocess.TimeoutExpired:
        raise Stopped(f"out of time in {command.stage}, which resumes from its checkpoint", 0) from None
    finally:
        _end(process)
    if code != 0:
        raise Stopped(f"{command.stage} failed with exit code {code}", 1)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Leave no child behind: SIGTERM, then SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
