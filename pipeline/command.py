"""What the commands of stages/ share: help with an example, a question before overwriting, errors as one line."""

import argparse
import errno
import io
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


class Refused(Exception):
    """The user did not agree to what would be overwritten."""


# Mistakes in what was given, not in the code: their text is for the user. So are the exceptions of pipeline/ itself.
EXPECTED = (ValueError, FloatingPointError, OSError, subprocess.CalledProcessError)


def make_parser(description: str | None, example: str) -> argparse.ArgumentParser:
    """A parser for the command of an example, such as `track --profile sample`, which its help shows."""
    command = "python -m stages."
    return argparse.ArgumentParser(
        prog=command + example.split()[0],
        description=description,
        epilog=f"example: {command}{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # an example is copied whole
    )


def output_file(text: str) -> Path:
    """The type of an argument that names a file to write: what is there and is no plain file stays.

    A file appears whole by a rename, which would put it in the place of a link or, for root, of /dev/null.
    """
    path = Path(text)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise argparse.ArgumentTypeError(f"{text} is there and is no plain file; allowed: a new name, a plain file")
    return path


def run(main: Callable[[], int | None], exit_code: int = 1) -> NoReturn:
    """Call a command's `main` and exit with what it returns; an error is one line, and `exit_code` (2 if `Refused`).

    An interrupt is one line and 130; where nobody reads any more what is printed (`| head -1`), 141 and no line, as
    the shell's own commands do. A mistake of ours is a traceback, and `exit_code` too: no exit code that `main` returns
    with another meaning.
    """
    name = main.__globals__["__spec__"].name.rpartition(".")[2]  # main's module itself is called __main__
    for stream in filter(lambda stream: isinstance(stream, io.TextIOWrapper), (sys.stdout, sys.stderr)):
        stream.reconfigure(errors="backslashreplace")  # a terminal without a sign for what is printed is no failure
    try:
        code = _call(main)
        if sys.stdout:
            sys.stdout.flush()  # while an error can still be told
        sys.exit(code)
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; the same command resumes", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        is_unread = isinstance(error, BrokenPipeError) and not _has_reader()
        _drop_unwritten()
        if is_unread:
            sys.exit(128 + signal.SIGPIPE)
        if not is_expected(error):
            sys.excepthook(type(error), error, error.__traceback__)
            sys.exit(exit_code)
        print(f"{name}: {error}{_say_what_is_left(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Refused) else exit_code)


def is_expected(error: Exception) -> bool:
    """Whether an error is of what was given or of the machine, such as a full disk, so that its text is enough."""
    # What safetensors cannot write, it says with an exception of its own.
    return isinstance(error, EXPECTED) or type(error).__module__.startswith(("pipeline.", "safetensors"))


def _say_what_is_left(error: Exception) -> str:
    """Of a full disk, which no write names: the room where a command writes."""
    if os.strerror(errno.ENOSPC) not in str(error):
        return ""
    folders = dict.fromkeys((os.getcwd(), tempfile.gettempdir()))
    left = (f"{shutil.disk_usage(folder).free // 2**20} MiB in {folder}" for folder in folders)
    return f" (left: {', '.join(left)}); make room: what is done stays, and the same command resumes"


def _call(main: Callable[[], int | None]) -> int | str | None:
    """The exit code of `main`, also where argparse gives it."""
    try:
        return main()
    except SystemExit as end:
        return end.code


def _has_reader() -> bool:
    """Whether somebody may still read what is printed."""
    if sys.stdout is None:
        return True
    poll = select.poll()
    poll.register(sys.stdout, 0)  # a pipe that is closed at its other end is told unasked
    return not poll.poll(0)


def _drop_unwritten() -> None:
    """Leave what cannot be printed: Python would try again at its end, and show a traceback."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pin_threads() -> None:
    """Pin each thread of torch to a core, unless BERTY_THREADS says how many there are; call it before torch is loaded.

    Threads that wander between cores keep each other waiting.
    """
    if "BERTY_THREADS" not in os.environ:
        os.environ.setdefault("OMP_PROC_BIND", "true")


def confirm(question: str, yes: bool) -> None:
    """Ask at the terminal before something is overwritten; `yes` is the answer of --yes. Else `Refused`."""
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():  # None: it is closed
        raise Refused(f"{question} There is no terminal to ask at: --yes agrees")
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")
