"""Stage report: a profile's tables, figures and summary record from the records that its plan lists."""

import argparse

from pipeline.reporting.report import write_report


def main() -> None:
    """Parse the command line and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    write_report(parser.parse_args().profile)


if __name__ == "__main__":
    main()
