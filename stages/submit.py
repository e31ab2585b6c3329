"""The course's prediction files: `python -m stages.submit --row iteration_3 --seed 0 --output FOLDER`; no stage."""

from pathlib import Path

from pipeline.command import make_parser, run

SPLITS = ("dev", "test")


def main() -> None:
    """Write the files of a phase-2 row and of part 1."""
    parser = make_parser(__doc__, "submit --row iteration_3 --seed 0 --output submission")
    parser.add_argument("--profile", help="the one in params.yaml")
    parser.add_argument("--row", required=True, help="of table 2")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--splits", nargs="+", choices=SPLITS, default=SPLITS, help="dev and test")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.evaluation.submission import write_submission

    params = load_params()
    profile = arguments.profile or params.profile
    row, seed = arguments.row, arguments.seed
    for path in write_submission(params, profile, row, seed, arguments.splits, arguments.output):
        print(path)


if __name__ == "__main__":
    run(main)
