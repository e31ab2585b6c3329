"""Stages part1, phase1, phase2 and average: train what a run file describes, or average what others trained."""

import sys
from pathlib import Path

from pipeline.command import make_parser, pin_threads, run
from pipeline.files.owner import own
from pipeline.files.parent import end_with_parent
from pipeline.runs import layout
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from pipeline.runs.skipped import skip_run


def main() -> None:
    """Write the run's model and record."""
    parser = make_parser(__doc__, "train --run artifacts/sample/plan/runs/phase2/iteration_3-0.json")
    parser.add_argument("--run", type=Path, required=True, help="a run file of plan")
    arguments = parser.parse_args()
    if skip_run(arguments.run, layout.model, layout.training_record):
        return
    described = read_run(arguments.run)
    check_run_file(described)
    if described.spec["train"]["world_size"] == 1:  # ranks that inherit it would share one core
        pin_threads()
    from pipeline.evaluation.precision import advise
    from pipeline.training.average import average
    from pipeline.training.begin import train

    if advice := advise(described.spec["train"]["precision"]):
        print(advice, file=sys.stderr)
    with own(layout.work(described.key)):
        (average if described.spec["phase"] == layout.AVERAGE else train)(described)


if __name__ == "__main__":
    end_with_parent()
    run(main)
