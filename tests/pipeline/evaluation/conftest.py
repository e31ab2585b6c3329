"""A trained model of the tiny project, and its csv files."""

import csv
import shutil

import pytest


@pytest.fixture
def model(tiny, trained_template):
    """The run of a row that has all three tasks, trained and not evaluated."""
    left_out = shutil.ignore_patterns("predictions", "eval_phase2")
    shutil.copytree(trained_template / "artifacts", tiny.root / "artifacts", dirs_exist_ok=True, ignore=left_out)
    return tiny.run("phase2", "iteration_1")


def read_rows(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))
