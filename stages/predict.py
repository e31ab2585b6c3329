"""Predictions of a trained model for a csv in the course's format, labelled or not; no stage of the graph."""

from pathlib import Path

from pipeline.command import make_parser, run


def main() -> None:
    """Write `id,prediction`, one row per input row, in order."""
    parser = make_parser(
        __doc__,
        "predict --weights artifacts/sample/phase2/iteration_3-0 --task sst --input in.csv --output out.csv",
    )
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="what a training stage left")
    parser.add_argument("--task", required=True)
    parser.add_argument("--input", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    from pipeline.evaluation.csv_file import predict_csv

    predict_csv(arguments.weights, arguments.task, arguments.input, arguments.output)


if __name__ == "__main__":
    run(main)
