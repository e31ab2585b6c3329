"""What a worker does with a run: train it if that is not done, and evaluate it.

`python -m pipeline.engine.worker RUN_FILE`. One process for both, since starting one costs seconds. It ends when the
driver that started it does.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

from pipeline.engine.tasks import Task
from pipeline.files.atomic import read_json
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file

PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that this process gets when its parent ends


def work(path: Path) -> None:
    """Train and evaluate what the run file says; paths are relative to the working folder, the project's root."""
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.evaluation.intact import check_run
    from pipeline.training.loop import train

    run, task = read_run(path), Task(path, read_json(path))
    check_run_file(run)
    if not task.is_finished(task.record_files[0]):
        train(run)
    check_run(run)
    for name, value in evaluate(run).items():
        print(f"{name:24} {value:.4f}")


def end_with_parent() -> None:
    """Get SIGTERM when the process that started this one ends, however it does; without Linux, nothing."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the driver is gone")


if __name__ == "__main__":
    end_with_parent()
    try:
        work(Path(sys.argv[1]))
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))
