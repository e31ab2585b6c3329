"""Project the run records to MLflow: `python -m stages.track [--profile P] [--receipt FILE]`."""

import sys
from pathlib import Path

from pipeline.command import make_parser, output_file, run

SECONDS = 600  # of a first projection of many runs to a server far away
SECONDS_AS_A_STAGE = 120  # more than any projection takes; a server that is this slow must not hold the graph up


def main() -> int:
    """Exit 1 for a record that cannot be read, or, without --receipt, for a store that cannot be reached."""
    parser = make_parser(__doc__, "track --profile sample")
    parser.add_argument("--profile", help="only this profile's records")
    parser.add_argument("--receipt", type=output_file, help="what was done; a store out of reach is then no failure")
    parser.add_argument("--seconds", type=float, help=f"at most ({SECONDS}; with --receipt {SECONDS_AS_A_STAGE})")
    arguments, root = parser.parse_args(), Path.cwd()
    from pipeline.files.atomic import write_json
    from pipeline.tracking.collect import collect
    from pipeline.tracking.deadline import NotProjected, project_in_time

    indexes, problems = collect(root, arguments.profile)
    num_records = sum(len(index.records) for index in indexes)
    receipt = {"profile": arguments.profile, "num_records": num_records, "projected": True}
    seconds = arguments.seconds or (SECONDS_AS_A_STAGE if arguments.receipt else SECONDS)
    try:
        print("MLflow runs:", project_in_time(indexes, root, seconds))
    except NotProjected as error:
        print(f"track: not projected, `make track` does it later: {error}", file=sys.stderr)
        receipt |= {"projected": False, "reason": str(error)}
    for problem in problems:
        print(f"track: {problem}", file=sys.stderr)
    if arguments.receipt:
        write_json(arguments.receipt, receipt)
    return int(bool(problems) or not (receipt["projected"] or arguments.receipt))


if __name__ == "__main__":
    run(main)
