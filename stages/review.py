"""Review a change as CI does: `python -m stages.review --base origin/main [--markdown FILE]`; no stage."""

import argparse
import sys
from pathlib import Path

from pipeline.files.atomic import write_text
from pipeline.gate.comparison_text import render_terminal
from pipeline.gate.review import review
from pipeline.gate.review_text import render_review


def main() -> int:
    """Exit 1 when something regressed or dvc.lock is stale, 2 when it could not be judged."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, metavar="REVISION", help="what the change is to be merged into")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="for a job summary or a pull request")
    arguments = parser.parse_args()
    found = review(arguments.base, Path.cwd())
    if found.judged:
        print(render_terminal(found.judged))
    text = render_review(found)
    if arguments.markdown:
        write_text(arguments.markdown, text)
    print(f"review: {text.partition('###')[0].strip()}", file=sys.stderr if found.exit_code else sys.stdout)
    return found.exit_code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ValueError as error:
        print(f"review: {error}", file=sys.stderr)
        sys.exit(2)
