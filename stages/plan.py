"""Stage plan: check every row of params.yaml and write a complete run file for each (phase, row, seed)."""

import argparse
import sys

from pipeline.config.params import load_params
from pipeline.config.plan import write_plan


def main() -> None:
    """Write the plan of a profile; whatever is wrong with params.yaml is an error here, before anything trains."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    write_plan(load_params(), parser.parse_args().profile)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"plan: {error}")
