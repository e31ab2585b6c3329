"""The best run's model as MLflow's candidate: `python -m stages.register [--row ROW [--seed SEED]]`; no stage."""

from pathlib import Path

from pipeline.command import make_parser, run


def main() -> None:
    """Register the model and say how it is served and promoted."""
    parser = make_parser(__doc__, "register --row iteration_3 --seed 0")
    parser.add_argument("--row", help="of table 2 (the one with the best mean overall score)")
    parser.add_argument("--seed", type=int, help="(the row's best run)")
    arguments = parser.parse_args()
    if arguments.seed is not None and arguments.row is None:
        parser.error("--seed goes with --row")
    from pipeline.config.params import load_params
    from pipeline.serving.registry import CANDIDATE, register

    registered = register(load_params().profile, Path.cwd(), arguments.row, arguments.seed)
    version = registered.version
    how = "made" if registered.is_new else "was there"
    print(f"{version.name}: version {version.version} ({how}) is the {CANDIDATE}: {version.description}")
    print(f"to serve it: python -m stages.serve --alias {CANDIDATE}; to make it the champion: make promote")


if __name__ == "__main__":
    run(main)
