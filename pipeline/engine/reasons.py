"""Why a run would train: what of its settings, code, packages or start is not what its record was made with."""

from collections.abc import Collection
from typing import Any

from pipeline.engine.tasks import Task
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.start import make_start

NUM_NAMED = 3


def find_reason(task: Task, to_train: Collection[str]) -> str:
    """Why a run that is not finished has to be trained, or only evaluated; `to_train` are the tasks that will be."""
    folder = layout.training_record(*task.place)
    if not (folder / "run.json").is_file():
        return "new"
    before = read_json(folder / "run.json")
    reasons = [_name_changes(before, task.spec), _name_code(before["code"], task.spec["code"])]
    for package, version in task.spec["packages"].items():
        if before["packages"].get(package) != version:
            reasons.append(f"{package} {before['packages'].get(package)} to {version}")
    if first := [need for need in task.needs if need in to_train]:
        trains = "which trains first" if len(first) == 1 else "which train first"
        reasons.append(f"it starts from {_name_some(first)}, {trains}")
    elif not any(reasons) and task.start_stage and read_json(folder / "start.json") != make_start(task.spec):
        reasons.append("it starts from other weights")
    said = "; ".join(reason for reason in reasons if reason)
    return said or ("to be evaluated" if task.is_finished(task.record_files[0]) else "its results are not here")


def _name_changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """The settings that changed, as `train.learning_rate`."""
    names = []
    for key in sorted((before.keys() | after.keys()) - {"code", "packages"}):
        one, other = before.get(key), after.get(key)
        if one == other:
            continue
        parts = [one, other] if isinstance(one, dict) and isinstance(other, dict) else [{}, {}]
        inner = [f"{key}.{name}" for name in sorted(parts[0].keys() | parts[1].keys())
                 if parts[0].get(name) != parts[1].get(name)]  # fmt: skip
        names += inner or [key]
    return f"row changed: {_name_some(names)}" if names else ""


def _name_code(before: dict[str, str], after: dict[str, str]) -> str:
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return f"code changed: {_name_some(changed)}" if changed else ""


def _name_some(names: list[str]) -> str:
    more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return ", ".join(names[:NUM_NAMED]) + more
