"""Predictions of a trained model for a csv in the course's format, or for one text; no stage of the graph."""

from pathlib import Path

from pipeline.command import make_parser, output_file, run

EXAMPLE = 'predict --weights artifacts/sample/phase2/iteration_3-0 --task sst --text "A rare, warm film."'


def main() -> None:
    """Write `id,prediction` and the classes' probabilities, a row per input row, in order; or print those of --text."""
    parser = make_parser(__doc__, EXAMPLE)
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="what a training stage left")
    parser.add_argument("--task", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", nargs="+", metavar="TEXT", help="one sentence, or two for a task of pairs")
    source.add_argument("--input", type=Path, metavar="CSV", help="tab-separated; a column `id` is used where it is")
    parser.add_argument("--output", type=output_file, metavar="CSV", help="what to write; goes with --input")
    arguments = parser.parse_args()
    if (arguments.input is None) != (arguments.output is None):
        parser.error("--input and --output go together")
    from pipeline.evaluation.csv_file import predict_csv, predict_text

    if arguments.text:
        print(predict_text(arguments.weights, arguments.task, arguments.text))
    else:
        predict_csv(arguments.weights, arguments.task, arguments.input, arguments.output)


if __name__ == "__main__":
    run(main)
