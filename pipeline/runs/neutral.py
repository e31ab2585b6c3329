"""Options that do nothing: at these values they are left out of a run file, so that one added later retrains nothing.

Who reads a run file puts them back, so that training sees every key.
"""

from typing import Any

# Keys of a run file's `train`.
TRAIN = {
    "accumulate": 1,
    "adamw_form": "course",
    "augmentation": None,
    "average": None,
    "clip_norm": None,
    "decay_all": True,
    "head_width": None,
    "learning_rate_schedule": "constant",
    "mixing": "repeat",
    "mixout": 0.0,
    "patience": None,
    "rates": "uniform",
    "regulariser": None,
    "selection_fraction": None,
    "weight_decay": 0.0,
    "world_size": 1,
}
# Keys of each of its `tasks`, of a leg of its `schedule`, and of a task's `text`.
TASK = {"label_range": None}
LEG = {"loss_weights": {}}
TEXT = {"lowercase": True}


def drop_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file without the options that are at their neutral values."""
    tasks = {name: _drop(task, TASK) | {"text": _drop(task["text"], TEXT)} for name, task in spec["tasks"].items()}
    schedule = [_drop(leg, LEG) for leg in spec["schedule"]]
    return spec | {"train": _drop(spec["train"], TRAIN), "tasks": tasks, "schedule": schedule}


def fill_neutral(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file with them."""
    tasks = {name: TASK | task | {"text": TEXT | task.get("text", {})} for name, task in spec["tasks"].items()}
    schedule = [LEG | leg for leg in spec["schedule"]]
    return spec | {"train": TRAIN | spec["train"], "tasks": tasks, "schedule": schedule}


def _drop(section: dict[str, Any], neutral: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in neutral or value != neutral[key]}
