"""Bring in what stages.offline packed elsewhere: `python -m stages.import_results ARCHIVE [--replace]`."""

import argparse
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from pipeline.runs import layout
from pipeline.runs.bring_in import import_archive


def main() -> int:
    """Check and bring in, write the tables where all records are there but no report came, and show it in MLflow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path, metavar="ARCHIVE")
    parser.add_argument("--replace", action="store_true", help="in the place of the profile's present results")
    arguments = parser.parse_args()
    imported = import_archive(arguments.archive, arguments.replace)
    profile, results = imported.profile, layout.results(imported.profile)
    print(f"{results}: {imported.num_files} files came in")
    if imported.missing:
        print(f"no tables yet, these runs are missing: {', '.join(imported.missing)}")
    elif not imported.has_report:
        places = [f"--{name}={results / 'imported' / name}" for name in ("plan", "records")]
        report = [sys.executable, "-m", "stages.report", "--profile", profile, *places, f"--results={results}"]
        subprocess.run(report, check=True)
    if find_spec("mlflow") is None:
        print("MLflow is not installed here: `make track` shows the runs where it is")
        return 0
    receipt = layout.WORK / f"imported-{profile}.json"  # with a receipt, a store out of reach is no failure
    return subprocess.run([sys.executable, "-m", "stages.track", "--profile", profile, "--receipt", receipt]).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, subprocess.CalledProcessError) as error:
        sys.exit(f"import: {error}")
