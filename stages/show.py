"""Print the tables of a profile, and where everything else lies; no stage of the graph."""

from pipeline.command import make_parser, run
from pipeline.config.params import load_params
from pipeline.runs import layout


def main() -> None:
    """Print table 1 and table 2 as the report wrote them."""
    parser = make_parser(__doc__, "show --profile sample")
    parser.add_argument("--profile", help="the one in params.yaml")
    folder = layout.results(parser.parse_args().profile or load_params().profile)
    for name in ("table1.md", "table2.md", "controls.md"):
        print((folder / name).read_text(encoding="utf-8"))
    print(f"Tables, figures and predictions: {folder}/, all on one page: {folder}/report.html. In MLflow: make ui.")


if __name__ == "__main__":
    run(main)
