"""Print the tables of the profile in params.yaml, and where everything else lies; no stage of the graph."""

import sys

from pipeline.config.params import load_params
from pipeline.runs import layout


def main() -> None:
    """Print table 1 and table 2 as the report wrote them."""
    folder = layout.results(load_params().profile)
    for name in ("table1.md", "table2.md", "controls.md"):
        print((folder / name).read_text(encoding="utf-8"))
    print(f"Tables, figures and predictions: {folder}/, all on one page: {folder}/report.html. In MLflow: make ui.")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"show: {error}")
