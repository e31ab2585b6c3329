"""Stage adapt: further pre-train the encoders that rows of a profile use so, on its training sentences."""

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Write every such encoder and the record of their training; where there is none, a text that says so."""
    parser = make_parser(__doc__, "adapt --profile sample")
    parser.add_argument("--profile", required=True)
    profile = parser.parse_args().profile
    from pipeline.config.params import load_params
    from pipeline.data.adapt import adapt_encoders

    adapt_encoders(load_params(), profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
