"""Stage digest: what each later stage of a profile executes and reads, as files that DVC compares."""

import argparse
import sys

from pipeline.config.digests import write_digests
from pipeline.config.params import load_params


def main() -> None:
    """Write a file for each stage; whatever is wrong with params.yaml is an error here already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    write_digests(load_params(), parser.parse_args().profile)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"digest: {error}")
