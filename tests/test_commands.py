"""The commands of stages/ as a user meets them: their help, their question before overwriting, their errors."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.command import Refused, confirm

ROOT = Path(__file__).parent.parent
COMMANDS = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")
HELP_OF_ALL = """
import runpy, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module("stages." + name, run_name="__main__")
    except SystemExit as end:
        print("exit", end.code, [module for module in ("torch", "mlflow", "matplotlib") if module in sys.modules])
"""


def test_the_help_of_every_command_has_an_example_loads_nothing_heavy_and_changes_nothing(tmp_path):
    command = [sys.executable, "-B", "-c", HELP_OF_ALL, *COMMANDS]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    *helps, end = done.stdout.split("exit 0 []\n")
    assert end == "" and len(helps) == len(COMMANDS), done.stdout
    for name, text in zip(COMMANDS, helps, strict=True):
        call = f"python -m stages.{name} "
        assert text.startswith(f"usage: {call}") and f"example: {call}" in text, text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("is_terminal", "answer"), [(False, "y\n"), (True, "\n"), (True, "no\n")])
def test_nothing_is_overwritten_without_a_yes(monkeypatch, is_terminal, answer):
    stdin = io.StringIO(answer)
    monkeypatch.setattr(stdin, "isatty", lambda: is_terminal, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(Refused, match="nothing was changed" if is_terminal else "--yes"):
        confirm("It goes.", yes=False)
    confirm("It goes.", yes=True)


def test_a_yes_at_the_terminal_is_enough(monkeypatch):
    stdin = io.StringIO("Yes\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    confirm("It goes.", yes=False)
