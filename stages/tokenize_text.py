"""Stage tokenize: the csv files of a profile to token files and a data report."""

import argparse
import sys

from pipeline.config.params import load_params
from pipeline.data.encode_text import encode_text


def main() -> None:
    """Read, clean and tokenise the train and dev files of every task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    encode_text(load_params(), parser.parse_args().profile)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"tokenize: {error}")
