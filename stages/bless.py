"""Make the present results of the profile in params.yaml the baseline that `make check` compares with."""

import sys

from pipeline.config.params import load_params
from pipeline.gate.baseline import bless


def main() -> None:
    """Write baseline/<profile>; git's diff of its metrics.csv is what a reviewer accepts."""
    folder = bless(load_params())
    print(f"{folder} holds the present results; review and commit it: git diff {folder / 'metrics.csv'}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"bless: {error}")
