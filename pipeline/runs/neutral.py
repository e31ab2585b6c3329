"""Options that do nothing: at these values they are left out of a run file, so that one added later retrains nothing.

Who reads a run file puts them back, so that training sees every key.
"""

from typing import Any

# Keys of a run file's `train`.
TRAIN = {
    "learning_rate_schedule": "constant",
    "mixing": "repeat",
    "regulariser": None,
}


def drop_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file without the options of `train` that are at their neutral values."""
    train = {key: value for key, value in spec["train"].items() if key not in TRAIN or value != TRAIN[key]}
    return spec | {"train": train}


def fill_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file with them."""
    return spec | {"train": TRAIN | spec["train"]}
