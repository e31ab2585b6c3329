"""Stage digest: what each later stage of a profile executes and reads, as files that DVC compares."""

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Write a file for each stage; whatever is wrong with params.yaml is an error here already."""
    parser = make_parser(__doc__, "digest --profile sample")
    parser.add_argument("--profile", required=True)
    profile = parser.parse_args().profile
    from pipeline.config.digests import write_digests
    from pipeline.config.params import load_params

    write_digests(load_params(), profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
