"""Bring in what stages.offline packed elsewhere: `python -m stages.import_results ARCHIVE [--replace]`."""

import subprocess
import sys
from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.runs import layout
from pipeline.runs.bring_in import import_archive


def main() -> int:
    """Check and bring in, write the tables where all records are there, and show it all in MLflow."""
    parser = make_parser(__doc__, "import_results offline-course_part.tar.gz")
    parser.add_argument("archive", type=Path, metavar="ARCHIVE")
    parser.add_argument("--replace", action="store_true", help="in the place of what was imported before")
    arguments = parser.parse_args()
    imported = import_archive(arguments.archive, replace=arguments.replace)
    profile = imported.profile
    print(f"{layout.imported(profile)}: {imported.num_files} files came in")
    if imported.missing:
        print(f"no tables yet, these runs are missing: {', '.join(imported.missing)}")
    else:
        subprocess.run([sys.executable, "-m", "stages.report", "--profile", profile], check=True)
    receipt = layout.WORK / f"imported-{profile}.json"  # with a receipt, a store out of reach is no failure
    return subprocess.run([sys.executable, "-m", "stages.track", "--profile", profile, "--receipt", receipt]).returncode


if __name__ == "__main__":
    run(main)
