"""The regression gate: `python -m stages.check [--baseline DIR --current DIR] [--markdown FILE] [--json FILE]`."""

from pathlib import Path

from pipeline.command import make_parser, output_file, run
from pipeline.config.params import load_params
from pipeline.files.atomic import write_json, write_text
from pipeline.gate.baseline import check_profile
from pipeline.gate.comparison import compare
from pipeline.gate.comparison_text import render_markdown, render_terminal, to_json


def main() -> int:
    """Exit 1 when something is regressed (or below its floor, without folders), 2 when there is nothing to compare."""
    parser = make_parser(__doc__, "check --baseline baseline/sample/predictions --current results/sample/predictions")
    parser.add_argument("--baseline", type=Path, metavar="DIR", help="predictions (baseline/PROFILE/predictions)")
    parser.add_argument("--current", type=Path, metavar="DIR", help="predictions (results/PROFILE/predictions)")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="for a job summary or a pull request")
    parser.add_argument("--json", type=output_file, metavar="FILE", help="for machines")
    arguments = parser.parse_args()
    folders = arguments.baseline, arguments.current
    if any(folders) != all(folders):
        parser.error("--baseline and --current go together; without them, params.yaml's profile is checked")
    params = load_params()
    comparison = compare(*folders, params) if all(folders) else check_profile(params)
    print(render_terminal(comparison))
    if arguments.markdown:
        write_text(arguments.markdown, render_markdown(comparison))
    if arguments.json:
        write_json(arguments.json, to_json(comparison))
    return int(comparison.is_regressed)


if __name__ == "__main__":
    run(main, exit_code=2)
