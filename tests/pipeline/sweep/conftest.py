"""A row of the tiny project that is swept."""

import pytest

from pipeline.sweep.space import read_ranges
from pipeline.sweep.trials import Sweep
from tests.tiny import TinyProject

RANGES = ("train.learning_rate=1e-4..1e-2:log", "schedule.0.loss_weights.sts=0.1..2")
LEG = {"tasks": ["sst", "para", "sts"], "epochs": 2}
TRAIN = {"selection_fraction": 0.4}


@pytest.fixture
def project(tiny: TinyProject) -> TinyProject:
    """The tiny project with the row `new`: two epochs, and many examples held out."""
    tiny.change(iterations__new={"schedule": [LEG], "train": TRAIN, "paper": {"sst": 0.5}})
    return tiny


def open_sweep(ranges=RANGES, row="new", seed=None) -> Sweep:
    return Sweep(row, read_ranges(list(ranges)), seed)
