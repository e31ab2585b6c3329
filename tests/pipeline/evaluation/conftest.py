"""A trained model of the tiny project, and its csv files."""

import csv

import pytest

from pipeline.training.loop import train


@pytest.fixture
def model(tiny):
    """The run of a row that has all three tasks, trained."""
    tiny.plan()
    run = tiny.start("iteration_1")
    train(run)
    return run


def read_rows(path, delimiter=","):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=delimiter))
