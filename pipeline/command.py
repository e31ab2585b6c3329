"""What the commands of stages/ share: help with an example, a question before overwriting, errors as one line."""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
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


def run(main: Callable[[], int | None], exit_code: int = 1) -> NoReturn:
    """Call a command's `main` and exit with what it returns; an error is one line, and `exit_code` (2 if `Refused`).

    An interrupt is one line and 130. A mistake of ours is a traceback, and `exit_code` too: no exit code that `main`
    returns with another meaning.
    """
    name = main.__globals__["__spec__"].name.rpartition(".")[2]  # main's module itself is called __main__
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; the same command resumes", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        if not isinstance(error, EXPECTED) and not type(error).__module__.startswith("pipeline."):
            sys.excepthook(type(error), error, error.__traceback__)
            sys.exit(exit_code)
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, Refused) else exit_code)


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
    if not sys.stdin.isatty():
        raise Refused(f"{question} There is no terminal to ask at: --yes agrees")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed")
