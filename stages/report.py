"""Stage report: a profile's tables, figures and predictions, published to results/, and its summary record."""

from pipeline.command import make_parser, run
from pipeline.files.parent import end_with_parent


def main() -> None:
    """Write the report of the runs that plan lists."""
    parser = make_parser(__doc__, "report --profile sample")
    parser.add_argument("--profile", required=True)
    profile = parser.parse_args().profile
    from pipeline.reporting.report import write_report

    write_report(profile)


if __name__ == "__main__":
    end_with_parent()
    run(main)
