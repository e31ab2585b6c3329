"""Write the tables of the results into the blocks of README.md and docs/, or with --check say which are stale."""

from pathlib import Path

from pipeline.command import make_parser, run
from pipeline.files.atomic import write_text
from pipeline.reporting.readme import find_stale, render_readme


def main() -> None:
    """Check or rewrite the pages; exit 1 naming what is stale."""
    parser = make_parser(__doc__, "readme --check")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 naming what is stale")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the profiles' results")
    options = parser.parse_args()
    stale = []
    for path in [Path("README.md"), *sorted(Path("docs").glob("*.md"))]:
        text = path.read_text(encoding="utf-8")
        if options.check:
            stale += [f"{path}: {name}" for name in find_stale(text, options.results)]
        elif text != (rendered := render_readme(text, options.results)):
            write_text(path, rendered)
    if stale:
        raise ValueError(f"stale: {', '.join(stale)}; run python -m stages.readme")


if __name__ == "__main__":
    run(main)
