"""The best run's model as MLflow's candidate: `python -m stages.register [--row ROW [--seed SEED]]`; no stage."""

import argparse
import sys
from pathlib import Path

from pipeline.config.params import load_params
from pipeline.serving.registry import CANDIDATE, register
from pipeline.tracking.store import StoreUnavailable


def main() -> None:
    """Register the model and say how it is served and promoted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", help="of table 2 (the one with the best mean overall score)")
    parser.add_argument("--seed", type=int, help="(the row's best run)")
    arguments = parser.parse_args()
    if arguments.seed is not None and arguments.row is None:
        parser.error("--seed goes with --row")
    registered = register(load_params().profile, Path.cwd(), arguments.row, arguments.seed)
    version = registered.version
    how = "made" if registered.is_new else "was there"
    print(f"{version.name}: version {version.version} ({how}) is the {CANDIDATE}: {version.description}")
    print(f"to serve it: python -m stages.serve --alias {CANDIDATE}; to make it the champion: make promote")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, StoreUnavailable) as error:
        sys.exit(f"register: {error}")
