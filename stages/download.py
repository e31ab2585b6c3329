"""Stage download: bring a profile's csv files and encoder, verified, or write the sample corpus."""

from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Fetch what the profile uses; with --test also the unlabelled files, for stages.predict."""
    parser = make_parser(__doc__, "download --profile sample")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--test", type=Path, metavar="FOLDER", help="bring the unlabelled test files, and nothing else")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.data.assemble import assemble, corpus_files, fetch_asset

    params = load_params()
    if arguments.test:
        for name in corpus_files(params, arguments.profile, ("test",)).values():
            fetch_asset(params, name, arguments.test / name, Path("."))
    else:
        assemble(params, arguments.profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
