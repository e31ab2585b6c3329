"""Predictions of a trained model for a csv in the course's format, labelled or not; no stage of the graph."""

import argparse
import sys
from pathlib import Path

from pipeline.evaluation.csv_file import predict_csv


def main() -> None:
    """Write `id,prediction`, one row per input row, in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, metavar="FOLDER", help="what a training stage left")
    parser.add_argument("--task", required=True)
    parser.add_argument("--input", type=Path, required=True, metavar="CSV")
    parser.add_argument("--output", type=Path, required=True, metavar="CSV")
    arguments = parser.parse_args()
    predict_csv(arguments.weights, arguments.task, arguments.input, arguments.output)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"predict: {error}")
