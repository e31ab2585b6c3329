"""Compare two rows, git revisions or MLflow runs; no stage of the graph."""

import tempfile
from pathlib import Path

from pipeline.command import make_parser, output_file, run


def main() -> None:
    """Print what differs, the scores with intervals and the examples that flipped."""
    parser = make_parser(__doc__, "diff iteration_2 iteration_3")
    parser.add_argument("names", nargs=2, metavar="NAME", help="a row, a git revision, or an MLflow run's id")
    parser.add_argument("--profile", help="whose rows (the one in params.yaml)")
    parser.add_argument("--markdown", type=output_file, metavar="FILE", help="write the same as markdown")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.files.atomic import write_text
    from pipeline.gate.comparison import expectations
    from pipeline.gate.difference import find_difference
    from pipeline.gate.difference_names import resolve_pair
    from pipeline.gate.difference_table import pair_sides
    from pipeline.gate.difference_text import make_tables, render_markdown, render_terminal

    params, root = load_params(), Path.cwd()
    profile = arguments.profile or params.profile
    with tempfile.TemporaryDirectory() as work:
        sides = resolve_pair(*arguments.names, profile, root, Path(work))
        one, other, paired = pair_sides(*sides, root, profile)
        expected = expectations(params.gate, params.tasks, params.profiles.get(profile))
        tables = make_tables(one, other, find_difference(one, other, *expected, paired), root, profile)
    print(render_terminal(tables))
    if arguments.markdown:
        write_text(arguments.markdown, render_markdown(f"{one.name} against {other.name}", tables))


if __name__ == "__main__":
    run(main)
