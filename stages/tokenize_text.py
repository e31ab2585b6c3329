"""Stage tokenize: the csv files of a profile to token files and a data report."""

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Read, clean and tokenise the train and dev files of every task."""
    parser = make_parser(__doc__, "tokenize_text --profile sample")
    parser.add_argument("--profile", required=True)
    profile = parser.parse_args().profile
    from pipeline.config.params import load_params
    from pipeline.data.encode_text import encode_text

    encode_text(load_params(), profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
