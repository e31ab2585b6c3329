"""From a model back to what made it: `python -m stages.lineage artifacts/PROFILE/phase2/ROW-SEED`."""

import sys
from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.gate.lineage import trace

MARKS = {True: "ok", False: "NO", None: "  "}


def main() -> int:
    """Print the facts, hashes marked ok or NO; exit 1 when one does not hold."""
    parser = make_parser(__doc__, "lineage artifacts/sample/phase2/iteration_3-0")
    parser.add_argument("folder", type=Path, help="what a training stage left")
    folder, failed = parser.parse_args().folder, False
    for fact in trace(folder, Path.cwd()):
        why = f"  ({fact.why})" if fact.why else ""
        print(f"{MARKS[fact.holds]} {'    ' * fact.depth}{fact.name:<30}  {fact.value}{why}")
        failed |= fact.holds is False
    if failed:
        print("lineage: what is marked NO does not hold", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    run(main)
