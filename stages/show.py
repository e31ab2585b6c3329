"""Print the tables of a profile as the report wrote them; no stage of the graph."""

from pipeline.command import make_parser, run


def main() -> None:
    """Tables for a terminal; with --latex or --csv those files of the report."""
    parser = make_parser(__doc__, "show --profile sample --latex")
    parser.add_argument("--profile", help="the one in params.yaml")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--latex", dest="form", action="store_const", const="tex", help="as LaTeX, to be \\input")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="as csv, a table after the other")
    arguments = parser.parse_args()
    from pipeline.config.params import load_params
    from pipeline.reporting.terminal import read_tables, render_tables
    from pipeline.runs import layout

    folder = layout.results(arguments.profile or load_params().profile)
    if arguments.form:
        print(read_tables(folder, arguments.form))
        return
    print(render_tables(folder))
    print(f"\nAll of it on one page: {folder}/report.html. In MLflow: make ui.")


if __name__ == "__main__":
    run(main)
