"""Stage report: a profile's tables, figures and summary record from the records that its plan lists."""

import argparse
from pathlib import Path

from pipeline.reporting.report import write_report


def main() -> None:
    """Parse the command line and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", required=True)
    parser.add_argument("--plan", type=Path, help="folder with index.json (artifacts/PROFILE/plan)")
    parser.add_argument("--records", type=Path, help="folder of records (artifacts/PROFILE/records)")
    parser.add_argument("--results", type=Path, help="folder to write to (results/PROFILE)")
    options = parser.parse_args()
    artifacts = Path("artifacts") / options.profile
    write_report(
        options.profile,
        plan_folder=options.plan or artifacts / "plan",
        records_folder=options.records or artifacts / "records",
        results_folder=options.results or Path("results") / options.profile,
    )


if __name__ == "__main__":
    main()
