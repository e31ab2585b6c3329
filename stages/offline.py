"""Run plan's commands on a machine without DVC and pack what they left: `python -m stages.offline --profile P`."""

import os
import signal
import sys
from pathlib import Path

from pipeline.command import make_parser, output_file, run
from pipeline.engine.offline import read_commands, run_commands
from pipeline.runs.archive import list_files, write_archive
from pipeline.runs.versions import ANY_VERSIONS


def main() -> int:
    """Exit 0 when all is done or time is over, and as the failed command or the interrupt says otherwise."""
    parser = make_parser(__doc__, "offline --profile course_part --seconds 3000")
    parser.add_argument("--profile", required=True)
    parser.add_argument("--seconds", type=float, help="stop after these; the next call resumes")
    parser.add_argument("--archive", type=output_file, metavar="FILE", help="what to write (offline-PROFILE.tar.gz)")
    arguments = parser.parse_args()
    profile, archive = arguments.profile, arguments.archive or Path(f"offline-{arguments.profile}.tar.gz")
    # A scheduler that takes the machine back says so with SIGTERM: what is done is still packed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ[ANY_VERSIONS] = "1"  # a borrowed machine has what it has, and its runs say so
    outcome = run_commands(read_commands(profile), arguments.seconds)
    write_archive(archive, profile, list_files(profile, outcome.record_files))
    print(f"{archive}: {len(outcome.done)} of {outcome.num_commands} commands are done")
    if outcome.stop:
        print(f"offline: {outcome.stop}", file=sys.stderr)
    return outcome.exit_code


if __name__ == "__main__":
    run(main)
