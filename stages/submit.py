"""The course's prediction files: `python -m stages.submit --row iteration_3 --seed 0 --output FOLDER`; no stage."""

import argparse
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.data.fetch import FetchError
from pipeline.evaluation.submission import SPLITS, write_submission


def main() -> None:
    """Write the files of a phase-2 row and of part 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--row", required=True, help="of table 2")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="dev and test")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    params = load_params()
    profile = arguments.profile or params.profile
    row, seed = arguments.row, arguments.seed
    for path in write_submission(params, profile, row, seed, arguments.splits, arguments.output):
        print(path)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FetchError) as error:
        sys.exit(f"submit: {error}")
