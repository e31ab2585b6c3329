"""Stage report: a profile's tables, figures and predictions, published to results/, and its summary record."""

import argparse

from pipeline.reporting.report import write_report


def main() -> None:
    """Write the report of the runs that plan lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    write_report(parser.parse_args().profile)


if __name__ == "__main__":
    main()
