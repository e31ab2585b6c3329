"""A run has one owner: who comes later waits or is told who it is, and a training ends with the process over it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.files.owner import own
from pipeline.runs import layout
from tests.tiny import REPOSITORY, TinyProject

HOLD = "import sys, time; from pathlib import Path; from pipeline.files.owner import own\n"
HOLD += "with own(Path(sys.argv[1])): print(flush=True); time.sleep(600)"
# What is over a training, as DVC is: it starts it and waits.
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'stages.train', '--run', sys.argv[1]])"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(REPOSITORY)}


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns `tmp_path / "run"`."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        yield process
        process.kill()


def test_a_second_one_is_told_who_is_there_and_takes_over_when_that_dies(tmp_path: Path, holder) -> None:
    with pytest.raises(ValueError, match=f"process {holder.pid} works on this run"), own(tmp_path / "run", 0):
        pass
    holder.kill()
    with own(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()


def test_what_a_training_leaves_stays_and_a_folder_that_it_removed_is_no_error(tmp_path: Path) -> None:
    with own(tmp_path / "run"):
        (tmp_path / "run/checkpoint").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint"]
    with own(tmp_path / "run"):
        for path in (tmp_path / "run").iterdir():
            path.unlink()
        (tmp_path / "run").rmdir()
        with own(tmp_path / "run"):  # its next owner, before the first is gone
            pass


def test_a_training_ends_with_the_process_that_started_it(tiny: TinyProject) -> None:
    run = tiny.add_row([{"tasks": ["sst"], "epochs": 100_000}])
    work = tiny.root / layout.work(run.key)
    command = [sys.executable, "-c", PARENT, str(run.path)]
    parent = subprocess.Popen(command, cwd=tiny.root, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    while not (work / "events.jsonl").exists():
        assert parent.poll() is None
        time.sleep(0.1)
    pid = int((work / "owner").read_text())
    try:
        parent.terminate()
        parent.wait()
        with own(work, seconds=30):
            assert (work / "events.jsonl").exists()
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
