"""What several rooms' tests share: the published encoder, the real data, the tiny project; and who runs beside whom."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is loaded: a worker has one core

from tests.tiny import REPOSITORY, TinyProject, build_tiny_project, read_code
from tests.warm_python import do_not_wait_for_disk, open_stores_fast, warm_python

do_not_wait_for_disk()

# Rooms that one worker does alone, since they share what takes long to make: a graph's first run, an MLflow server.
# Those of the graph are in two, so that two workers have some.
TOGETHER = {
    "vouch": tuple(f"tests/graph/test_{name}.py" for name in ("vouch", "extending", "review")),
    "graph": ("tests/graph",),
    "mlflow": ("tests/pipeline/tracking", "tests/pipeline/serving"),
}

# What `make test-fast` leaves out: a graph, servers, whole trainings, the real data (the fixture): many seconds each.
SLOW = (
    "tests/backends",
    "tests/bench",
    "tests/graph",
    "tests/pipeline/config/test_runs.py",
    "tests/pipeline/data/test_adapt.py",
    "tests/pipeline/data/test_assemble.py",
    "tests/pipeline/data/test_fetch.py",
    "tests/pipeline/engine",
    "tests/pipeline/evaluation/test_averaging.py",
    "tests/pipeline/evaluation/test_csv_file.py",
    "tests/pipeline/evaluation/test_evaluate.py",
    "tests/pipeline/evaluation/test_pairs.py",
    "tests/pipeline/evaluation/test_saved_model.py",
    "tests/pipeline/evaluation/test_submission.py",
    "tests/pipeline/gate/difference",
    "tests/pipeline/gate/lineage",
    "tests/pipeline/gate/review",
    "tests/pipeline/gate/test_stages.py",
    "tests/pipeline/reporting/test_figures.py",
    "tests/pipeline/reporting/test_report.py",
    "tests/pipeline/reporting/test_terminal.py",
    "tests/pipeline/runs/test_offline",
    "tests/pipeline/serving",
    "tests/pipeline/sweep/test_search.py",
    "tests/pipeline/sweep/test_stage.py",
    "tests/pipeline/tracking",
    "tests/pipeline/training/test_averaging.py",
    "tests/pipeline/training/test_care.py",
    "tests/pipeline/training/test_legs.py",
    "tests/pipeline/training/test_loop.py",
    "tests/pipeline/training/test_mixed_steps.py",
    "tests/pipeline/training/test_optimization.py",
    "tests/pipeline/training/test_pairs.py",
    "tests/pipeline/training/test_pretraining.py",
    "tests/pipeline/training/test_pseudo_labels.py",
    "tests/pipeline/training/test_ranks.py",
    "tests/pipeline/training/test_regularised_steps.py",
    "tests/pipeline/training/test_resume.py",
    "tests/studies",
    "tests/test_golden.py",
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m "not slow"` does not even import the files of `SLOW`."""
    is_slow = collection_path.relative_to(REPOSITORY).as_posix().startswith(SLOW)
    return True if is_slow and config.option.markexpr == "not slow" else None


def find_room(file: str) -> str:
    """Its name in `TOGETHER`, else the file itself."""
    return next((name for name, folders in TOGETHER.items() if file.startswith(folders)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What takes minutes begins first, and of the two that copy one graph the second when it is there.
    first = ("graph", "mlflow", "vouch")
    places = {name: place for place, name in enumerate(first)}
    items.sort(key=lambda item: places.get(find_room(item.nodeid.partition("::")[0]), len(first)))
    for item in items:
        file = item.path.relative_to(REPOSITORY).as_posix()
        if file.startswith(SLOW) or "mirror" in item.fixturenames:
            item.add_marker("slow")


@pytest.hookimpl(optionalhook=True)  # xdist's; its marks for groups do nothing under pytest 9.2
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file, and of the rooms in `TOGETHER`, go to the same worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return find_room(nodeid.partition("::")[0])

    return Rooms(config, log)


@pytest.fixture(scope="session")
def minilm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """minilm's published files: config.json, model.safetensors, vocab.txt, from the project's store of assets."""
    from pipeline.config.params import load_params
    from pipeline.data.assemble import fetch_asset
    from pipeline.data.encoders import make_encoder_config
    from pipeline.data.fetch import FetchError
    from pipeline.files.atomic import write_json

    params = load_params(REPOSITORY / "params.yaml")
    folder = tmp_path_factory.mktemp("minilm")
    try:
        for name in ("model.safetensors", "vocab.txt"):
            fetch_asset(params, f"minilm/{name}", folder / name, REPOSITORY)
    except FetchError as error:
        pytest.skip(str(error))
    write_json(folder / "config.json", make_encoder_config(params.encoders["minilm"]))
    return folder


@pytest.fixture(scope="session")  # so it looks before `tiny` sets a mirror of its own
def mirror() -> Path:
    """The folder of the real course data."""
    folder = os.environ.get("BERTY_MIRROR")
    if not folder:
        pytest.skip("BERTY_MIRROR is not set: tests on the real course data need it")
    return Path(folder)


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """The folder of a `python` that starts in no time (tests/warm_python.py)."""
    with warm_python() as folder:
        yield folder


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty tracking store, made once: the migrations of a new one take seconds."""
    from pipeline.tracking.store import open_store

    open_stores_fast()
    folder = tmp_path_factory.mktemp("empty_store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store(folder)
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """A tiny project that is copied, never changed."""
    return build_tiny_project(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def trained_template(tiny_template: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project with the row iteration_1 trained and evaluated; it is copied, never changed."""
    from pipeline.evaluation.evaluate import evaluate
    from pipeline.training.begin import train

    root = tmp_path_factory.mktemp("trained") / "project"
    shutil.copytree(tiny_template.root, root, symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTY_DEVICE", "cpu")
        patch.chdir(root)
        project = TinyProject(root)
        project.plan()
        run = project.start("iteration_1")
        train(run)
        evaluate(run)
    return root


@pytest.fixture
def tiny(tiny_template: TinyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """A tiny project of the test's own, with the working directory in it: before plan, with tokens and encoder."""
    root = tmp_path / "project"
    shutil.copytree(tiny_template.root, root, symlinks=True)
    monkeypatch.chdir(root)
    for module in ("runs", "digests"):
        monkeypatch.setattr(f"pipeline.config.{module}.Code", read_code)
    monkeypatch.setenv("BERTY_DEVICE", "cpu")
    monkeypatch.setenv("BERTY_MIRROR", str(root / "mirror"))
    return TinyProject(root)
