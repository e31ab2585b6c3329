"""Write the tables of the results into the README's blocks, or with --check say which blocks are stale."""

import sys
from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.files.atomic import write_text
from pipeline.reporting.readme import find_stale, render_readme


def main() -> None:
    """Parse the command line, then check or rewrite the README."""
    parser = make_parser(__doc__, "readme --check")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 naming what is stale")
    parser.add_argument("--readme", type=Path, default=Path("README.md"))
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the profiles' results")
    options = parser.parse_args()
    text = options.readme.read_text(encoding="utf-8")
    if not options.check:
        write_text(options.readme, render_readme(text, options.results))
        return
    stale = find_stale(text, options.results)
    if stale:
        sys.exit(f"{options.readme}: stale: {', '.join(stale)}; run python -m stages.readme")


if __name__ == "__main__":
    run(main)
