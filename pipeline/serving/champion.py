"""The champion on record, in git: a new or emptied MLflow store gets it back, where its weights are still here."""

from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pipeline.files.atomic import read_json, write_json
from pipeline.files.forms import NAME, check, fields, text
from pipeline.serving.registry import CHAMPION, find_alias, name_model, register
from pipeline.tracking.store import name_failures, open_store

KEYS = {"row": text(NAME), "seed": text(r"\d+"), "run_key": text(), "weights_sha256": text()}


def record_path(profile: str) -> Path:
    """Beside the baseline, which the champion was accepted with."""
    return Path("baseline") / f"{profile}-champion.json"


def remember(profile: str, version: ModelVersion, root: Path) -> None:
    """Write which model it is that became champion."""
    write_json(root / record_path(profile), {key: version.tags.get(key, "") for key in KEYS})


def restore(profile: str, root: Path) -> str | None:
    """Make the model on record the champion of a store that has none; what came of it in a line, None: nothing to do.

    Raises `StoreUnavailable`, and `ValueError` for a record that is none.
    """
    path = root / record_path(profile)
    if not path.exists():
        return None
    said = read_json(path)
    check(said, fields(KEYS), f"{record_path(profile)}: not a champion's record")
    store = open_store(root)
    with name_failures(store.uri):
        if find_alias(store.client, name_model(profile), CHAMPION) is not None:
            return None
    what = f"{said['row']}-{said['seed']}"
    try:
        version = register(profile, root, said["row"], int(said["seed"]), CHAMPION, said["weights_sha256"]).version
    except ValueError as error:
        return f"the champion on record, {what}, is not in the registry and cannot be put back: {error}"
    return f"{version.name}: version {version.version}, {what}, is the champion again, as {record_path(profile)} says"
