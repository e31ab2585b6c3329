"""Review a change as CI does: `python -m stages.review --base origin/main [--markdown FILE]`; no stage."""

import sys
from pathlib import Path

from pipeline.command import make_parser, output_file, run
from pipeline.files.atomic import write_text
from pipeline.gate.comparison_text import render_terminal
from pipeline.gate.review import review
from pipeline.gate.review_text import render_review


def main() -> int:
    """Exit 1 when something regressed or dvc.lock is stale, 2 when it could not be judged."""
    parser = make_parser(__doc__, "review --base origin/main --markdown review.md")
    parser.add_argument("--base", required=True, metavar="REVISION", help="what the change is to be merged into")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="for a job summary or a pull request")
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
    run(main, exit_code=2)
