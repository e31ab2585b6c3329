"""A project of records, and an empty tracking store that is copied instead of made."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.store import open_store
from tests.pipeline.tracking.synthetic import (
    ROWS,
    SEEDS,
    T0,
    make_evaluation,
    make_record,
    make_training,
    write_into,
)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once: the migrations of a new one take seconds."""
    folder = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store(folder)
    return folder / "mlflow.db"


@pytest.fixture
def root(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project root with an empty store and nothing else."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(template, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def reset_store(root: Path, template: Path) -> Callable[[], None]:
    """Puts an empty store in the place of the present one."""
    return lambda: shutil.copy(template, root / "mlflow.db") and None


@pytest.fixture
def project_root(root: Path) -> Path:
    """A project root with 8 trainings, their evaluations, 2 data records and a summary: 11 runs."""
    for row in ROWS:
        for seed in SEEDS:
            write_into(root, make_training(row, seed))
            write_into(root, make_evaluation(row, seed))
    for row in ("download", "tokenize"):
        write_into(root, make_record("data", "data", row, None))
    tables = ["results/tiny/table2.md", "results/tiny/figure2.png"]
    write_into(root, make_record("summary", "summary", "summary", None, artifacts=tables, end_time=T0 + 800_000))
    return root
