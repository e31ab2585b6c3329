"""Stages eval_part1, eval_phase1, eval_phase2 and eval_average: score what a run trained on the full dev sets."""

from pathlib import Path

from pipeline.command import make_parser, pin_threads, run
from pipeline.files.owner import own
from pipeline.files.parent import end_with_parent
from pipeline.runs import layout
from pipeline.runs.run_files import read_run
from pipeline.runs.skipped import skip_run


def main() -> None:
    """Write the run's predictions and evaluation record, and print its scores."""
    parser = make_parser(__doc__, "evaluate --run artifacts/sample/plan/runs/phase2/iteration_3-0.json")
    parser.add_argument("--run", type=Path, required=True, help="the run file that it was trained from")
    arguments = parser.parse_args()
    if skip_run(arguments.run, layout.predictions, layout.evaluation_record):
        return
    pin_threads()
    from pipeline.evaluation.averaging import evaluate_mean
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.evaluation.intact import check_run

    described = read_run(arguments.run)
    check_run(described)
    with own(layout.work(described.key)):
        scores = (evaluate_mean if described.spec.get("average") == "outputs" else evaluate)(described)
    for name, value in scores.items():
        print(f"{name:24} {value:.4f}")


if __name__ == "__main__":
    end_with_parent()
    run(main)
