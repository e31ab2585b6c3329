"""The champion moves through the gate alone: the table must pass it, and the candidate against the champion."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from pipeline.command import confirm
from pipeline.config.schema import Params
from pipeline.gate.baseline import check_profile
from pipeline.gate.comparison import Comparison
from pipeline.gate.models import compare_models
from pipeline.serving.champion import remember
from pipeline.serving.registry import CANDIDATE, CHAMPION, find_alias, name_model
from pipeline.tracking.read_back import read_run
from pipeline.tracking.store import name_failures, open_store

GATE_TAG = "gate"  # of a version that became champion: what it passed


@dataclass(frozen=True)
class Promotion:
    """What was compared and what came of it; `models` is None where there is no other champion to compare with."""

    candidate: ModelVersion
    champion: ModelVersion | None  # before
    table: Comparison
    models: Comparison | None

    @property
    def is_champion(self) -> bool:
        """Whether the candidate is the champion now."""
        return not self.table.is_regressed and not (self.models and self.models.is_regressed)


def promote(params: Params, root: Path, yes: bool = True) -> Promotion:
    """Move the alias `champion` of the profile in params.yaml to its candidate if nothing regressed.

    Compared are the profile's table with its baseline and floors, and the candidate with the present champion. A
    missing candidate, and what cannot be compared, is a `ValueError`. Raises `StoreUnavailable`, and without `yes`,
    which asks before one champion takes another's place, `Refused`.
    """
    store, name = open_store(root), name_model(params.profile)
    with name_failures(store.uri), tempfile.TemporaryDirectory() as work:
        client = store.client
        candidate, champion = (find_alias(client, name, alias) for alias in (CANDIDATE, CHAMPION))
        if candidate is None:
            raise ValueError(f"{name}: there is no candidate; `make register` makes the best run's model one")
        table, models = check_profile(params), None
        if champion is not None and champion.version != candidate.version:
            folders = [_read_predictions(version, root, Path(work)) for version in (champion, candidate)]
            names = f"{name} version {champion.version}", f"version {candidate.version}"
            models = compare_models(*folders, params, names)
        promotion = Promotion(candidate, champion, table, models)
        if promotion.is_champion:
            if models:
                confirm(f"{name}: version {candidate.version} passed, and replaces version {champion.version}.", yes)
            against = f"against version {champion.version}" if models else "no other champion"
            client.set_model_version_tag(name, candidate.version, GATE_TAG, f"passed, {against}")
            client.set_registered_model_alias(name, CHAMPION, candidate.version)
            remember(params.profile, candidate, root)
    return promotion


def _read_predictions(version: ModelVersion, root: Path, work: Path) -> Path:
    run = read_run(version.run_id, root, work)
    if run is None or run.predictions is None:
        raise ValueError(f"{version.name} version {version.version}: MLflow has no predictions of its run")
    return run.predictions
