"""A project of records."""

from pathlib import Path

import pytest

from tests.pipeline.tracking.synthetic import (
    ROWS,
    SEEDS,
    T0,
    make_evaluation,
    make_record,
    make_training,
    write_into,
    write_plan,
)


@pytest.fixture
def project_root(root: Path) -> Path:
    """A project root with 8 trainings, their evaluations, 2 data records and a summary: 11 runs."""
    for row in ROWS:
        for seed in SEEDS:
            write_into(root, make_training(row, seed))
            write_into(root, make_evaluation(row, seed))
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    tables = [
        f"results/tiny/{name}" for name in ("table2.md", "controls.md", "report.html", "figure2.png", "figure2.svg")
    ]
    write_plan(root)
    write_into(root, make_record("summary", "summary", "summary", None, artifacts=tables, end_time=T0 + 800_000))
    return root
