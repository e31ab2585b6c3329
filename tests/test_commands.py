"""The commands of stages/ as a user meets them: their help, their question before overwriting, their errors."""

import argparse
import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from safetensors.torch import save_file

import stages
from pipeline.command import Refused, confirm, output_file, pin_threads, run
from pipeline.gate.revision import find_merge_base

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


def test_a_yes_at_the_terminal_is_enough(monkeypatch, capsys):
    stdin = io.StringIO("Yes\nnot asked for\n")
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    confirm("It goes.", yes=False)
    assert capsys.readouterr().out == "It goes. [y/N] "
    assert stdin.read() == "not asked for\n", "one answer was read"


@pytest.mark.parametrize("answer", [None, ""])
def test_a_closed_standard_input_and_its_end_are_a_no(monkeypatch, answer):
    stdin = io.StringIO(answer) if answer is not None else None
    if stdin:
        monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(Refused, match="--yes" if answer is None else "nothing was changed"):
        confirm("It goes.", yes=False)


def test_an_old_python_is_told_which_is_needed(monkeypatch):
    ast.parse((ROOT / "stages/__init__.py").read_text(), feature_version=(3, 4))
    assert stages.find_mistake() is None
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert "3.11 or newer is needed" in stages.find_mistake()


@pytest.mark.parametrize(
    ("options", "folder", "said"),
    [
        ((), "pipeline", f"called from its root: cd {ROOT}\n"),
        (("-S",), ".", ": make setup; . .venv/bin/activate\n"),
    ],
)
def test_a_subfolder_and_a_missing_package_are_one_line(options, folder, said):
    command, environment = [sys.executable, *options, "-m", "stages.show"], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT / folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.endswith(said) and done.stderr.count("\n") == 1, done.stderr


def test_a_folder_that_was_removed_is_one_line(tmp_path):
    command = ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m stages.show', sys.executable]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    (tmp_path / "gone").mkdir()
    done = subprocess.run(command, cwd=tmp_path / "gone", env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("this folder was removed, ")


def test_a_copy_that_runs_in_the_python_of_the_original_is_told(tmp_path, monkeypatch):
    for name in ("old/.venv", "new/.venv"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "old/dvc.yaml").touch()
    monkeypatch.setattr(stages, "ROOT", str(tmp_path / "new"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "old/.venv"))
    assert stages.find_mistake().startswith("this checkout was copied or moved")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "new/.venv"))
    assert stages.find_mistake() is None


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    shutil.copyfile(ROOT / "Makefile", root / "Makefile")
    return subprocess.run(["make", "--dry-run", *arguments], cwd=root, capture_output=True, text=True)


def test_make_makes_the_venv_of_a_moved_checkout_again(tmp_path):
    (tmp_path / ".venv").mkdir()
    stamp = tmp_path / ".venv/python"
    for place, is_made in ((f"{tmp_path.resolve()}/.venv\n", False), ("", False), ("/elsewhere/.venv\n", True)):
        stamp.write_text(place)
        assert ("rm -rf .venv" in make(tmp_path, ".venv/python").stdout) == is_made


def test_without_git_what_needs_it_says_so(tmp_path):
    (tmp_path / ".venv").mkdir()
    done = make(tmp_path, "run")
    assert done.returncode == 2 and "no git repository: git clone" in done.stderr
    with pytest.raises(ValueError, match="is no git repository"):
        find_merge_base("main", tmp_path)


def test_ci_runs_every_python_that_the_project_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [line.rpartition(" ")[2] for line in project["classifiers"] if " :: Python :: 3." in line]
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == named
    assert project["requires-python"] == f">={named[0]}"


def test_an_interrupt_is_one_line_and_130(monkeypatch, capsys):
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(interrupt.__globals__, "__spec__", SimpleNamespace(name="stages.repro"))
    with pytest.raises(SystemExit) as end:
        run(interrupt)
    assert end.value.code == 130
    assert capsys.readouterr().err == "\nrepro: interrupted; the same command resumes\n"


PRINTER = """
import sys
from types import SimpleNamespace
from pipeline.command import run
def main():
    print(sys.argv[1] * int(sys.argv[2]))
__spec__ = SimpleNamespace(name="stages.printer")
run(main)
"""


def call_printer(text: str, times: int, stdout, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", PRINTER, text, str(times)]
    return subprocess.run(command, cwd=ROOT, stdout=stdout, stderr=subprocess.PIPE, env=os.environ | environment)


@pytest.mark.parametrize(("times", "unbuffered"), [(1, ""), (1, "1"), (10**6, "")])
def test_where_nobody_reads_on_a_command_ends_without_a_word(times, unbuffered):
    reading, writing = os.pipe()
    os.close(reading)  # as `| head -1` does
    with os.fdopen(writing, "wb") as stdout:
        done = call_printer("x", times, stdout, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux's")
@pytest.mark.parametrize(("times", "unbuffered"), [(1, ""), (1, "1"), (10**6, "")])
def test_where_the_disk_is_full_a_command_fails_in_one_line(times, unbuffered):
    with open("/dev/full", "wb") as stdout:
        done = call_printer("x", times, stdout, PYTHONUNBUFFERED=unbuffered)
    left = rf"\(left: \d+ MiB in {re.escape(str(ROOT))}, .*\); make room: .*"
    line = rf"printer: \[Errno 28\] No space left on device {left}\n"
    assert done.returncode == 1 and re.fullmatch(line, done.stderr.decode()), done.stderr


def test_a_terminal_without_a_sign_gets_its_number(tmp_path):
    with (tmp_path / "out").open("wb") as stdout:
        done = call_printer(".512 ±.004", 1, stdout, PYTHONIOENCODING="ascii")
    assert (done.returncode, (tmp_path / "out").read_text()) == (0, ".512 \\xb1.004\n"), done.stderr


def test_an_error_of_ours_is_a_traceback_and_one_of_the_machine_a_line(monkeypatch, capsys, tmp_path):
    def fill_disk() -> None:
        save_file({"tensor": torch.zeros(1)}, tmp_path / "no" / "folder")

    def mistake() -> None:
        raise KeyError("ours")

    for main, is_line in ((fill_disk, True), (mistake, False)):
        monkeypatch.setitem(main.__globals__, "__spec__", SimpleNamespace(name="stages.train"))
        with pytest.raises(SystemExit) as end:
            run(main)
        error = capsys.readouterr().err
        assert end.value.code == 1
        assert error.startswith("train: " if is_line else "Traceback") and (error.count("\n") == 1) == is_line, error


def test_what_is_written_over_is_a_plain_file(tmp_path):
    """As root a rename puts a file in the place of any device."""
    plain, link, folder = tmp_path / "plain", tmp_path / "link", tmp_path / "folder"
    plain.touch()
    link.symlink_to(plain)
    folder.mkdir()
    assert output_file(str(plain)) == plain and output_file(str(tmp_path / "new")) == tmp_path / "new"
    for path in (link, folder, "/dev/null"):
        with pytest.raises(argparse.ArgumentTypeError, match=f"{path} is there and is no plain file"):
            output_file(str(path))


def test_every_file_that_a_command_writes_is_checked_so():
    """By the arguments' names; where a folder is written, it is said as FOLDER."""
    for name in COMMANDS:
        for line in (ROOT / f"stages/{name}.py").read_text().splitlines():
            if re.search(r'add_argument\("--(output|markdown|json|archive|receipt)"', line) and "FOLDER" not in line:
                assert "type=output_file" in line, f"{name}: {line}"


@pytest.mark.parametrize(
    ("given", "bound"), [({}, "true"), ({"BERTY_THREADS": "1"}, None), ({"OMP_PROC_BIND": "false"}, "false")]
)
def test_threads_are_pinned_unless_somebody_says_how(monkeypatch, given, bound):
    monkeypatch.setattr(os, "environ", dict(given))
    pin_threads()
    assert os.environ.get("OMP_PROC_BIND") == bound
