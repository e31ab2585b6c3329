"""What a worker does with a run: train it if that is not done, and evaluate it.

`python -m pipeline.engine.worker RUN_FILE`. One process for both, since starting one costs seconds. It ends when the
driver that started it does.
"""

import sys
from pathlib import Path

from pipeline.command import is_expected
from pipeline.engine.tasks import Task
from pipeline.files.atomic import read_json
from pipeline.files.owner import own
from pipeline.files.parent import end_with_parent
from pipeline.runs import layout
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file


def work(path: Path) -> None:
    """Train and evaluate what the run file says; paths are relative to the working folder, the project's root."""
    from pipeline.evaluation.averaging import evaluate_mean
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.evaluation.intact import check_run
    from pipeline.evaluation.precision import advise
    from pipeline.training.average import average
    from pipeline.training.begin import train

    run, task = read_run(path), Task(path, read_json(path))
    check_run_file(run)
    with own(layout.work(run.key)):
        if not task.is_finished(task.record_files[0]):
            if advice := advise(run.spec["train"]["precision"]):
                print(advice)
            (average if run.spec["phase"] == layout.AVERAGE else train)(run)
    check_run(run)
    with own(layout.work(run.key)):  # a training that has ended removes the folder, and the lock with it
        scores = (evaluate_mean if run.spec.get("average") == "outputs" else evaluate)(run)
    for name, value in scores.items():
        print(f"{name:24} {value:.4f}")


if __name__ == "__main__":
    end_with_parent()
    try:
        work(Path(sys.argv[1]))
    except Exception as error:
        if not is_expected(error):
            raise
        sys.exit(str(error))
