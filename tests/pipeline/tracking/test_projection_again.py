"""Projected again: what changed is shown, what did not stays, and nothing is doubled."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.tracking.projection import Summary
from tests.pipeline.conftest import SERVER_TOO
from tests.pipeline.tracking.shown import client_of, describe, history, project_all, runs_of
from tests.pipeline.tracking.synthetic import (
    NUM_WINDOWS,
    ROW,
    ROWS,
    SEED,
    SEEDS,
    make_evaluation,
    make_training,
    write_into,
)

pytestmark = pytest.mark.usefixtures("any_store")


NUM_RUNS = len(ROWS) * len(SEEDS) + 3


KEY = make_training(ROW, SEED)["run_key"]


@SERVER_TOO
def test_projected_again_nothing_is_added(project_root: Path) -> None:
    project_all(project_root)
    before = describe(project_root)
    assert project_all(project_root) == Summary(0, 0, NUM_RUNS)
    assert describe(project_root) == before


def test_a_lost_database_is_rebuilt_with_the_original_times(
    project_root: Path, reset_store: Callable[[], None]
) -> None:
    project_all(project_root)
    before = describe(project_root)
    reset_store()
    assert project_all(project_root) == Summary(NUM_RUNS, 0, 0)
    assert describe(project_root) == before


def test_an_evaluation_that_comes_later_joins_its_run(root: Path) -> None:
    write_into(root, make_training(ROW, SEED))
    assert project_all(root) == Summary(1, 0, 0)
    before = runs_of(root)[f"{ROW}-{SEED}"]
    assert "overall" not in before.data.metrics
    write_into(root, make_evaluation(ROW, SEED))
    assert project_all(root) == Summary(0, 1, 0)
    after = runs_of(root)[f"{ROW}-{SEED}"]
    assert after.data.metrics["overall"] == 0.6
    assert after.info.run_id == before.info.run_id
    assert after.info.end_time == before.info.end_time
    assert len(history(root, after, "loss/sst")) == NUM_WINDOWS


@SERVER_TOO
def test_a_run_that_was_rekeyed_stays_the_same_run(root: Path) -> None:
    def rekey(record: dict, key: str) -> dict:
        code = {"code": key[:16]} if record["kind"] == "training" else {}
        return record | {
            "run_key": key,
            "tags": record["tags"] | {"original_key": KEY},
            "params": record["params"] | code,
        }

    records = [make_training(ROW, SEED), make_evaluation(ROW, SEED)]
    records[0]["params"]["code"] = "before"
    for record in records:
        write_into(root, record)
    project_all(root)
    before = runs_of(root)[f"{ROW}-{SEED}"]
    for key in ("b" * 64, "c" * 64):
        for record in records:
            write_into(root, rekey(record, key))
        assert project_all(root) == Summary(0, 1, 0)
        assert project_all(root) == Summary(0, 0, 1)
        after = runs_of(root)[f"{ROW}-{SEED}"]
        assert (after.info.run_id, after.data.tags["run_key"]) == (before.info.run_id, key)
        assert (after.data.tags["original_key"], after.data.params["code"]) == (KEY, "before")
        assert len(history(root, after, "loss/sst")) == NUM_WINDOWS


def test_a_run_in_the_trash_stays_there_and_a_new_one_is_made(root: Path) -> None:
    write_into(root, make_training(ROW, SEED))
    project_all(root)
    deleted = runs_of(root)[f"{ROW}-{SEED}"].info.run_id
    client_of(root).delete_run(deleted)
    assert project_all(root) == Summary(1, 0, 0)
    assert runs_of(root)[f"{ROW}-{SEED}"].info.run_id != deleted
    assert client_of(root).get_run(deleted).info.lifecycle_stage == "deleted"


def test_a_training_that_comes_after_its_evaluation_gives_the_run_its_times(root: Path) -> None:
    write_into(root, make_evaluation(ROW, SEED))
    project_all(root)
    write_into(root, make_training(ROW, SEED))
    assert project_all(root) == Summary(0, 1, 0)
    run = runs_of(root)[f"{ROW}-{SEED}"]
    assert run.info.start_time == make_training(ROW, SEED)["start_time"]
    assert run.data.metrics["overall"] == 0.6


def test_a_run_that_was_trained_again_takes_the_place_of_the_old_one(root: Path) -> None:
    record = make_training(ROW, SEED)
    write_into(root, record)
    project_all(root)
    later = [[step, time_ms + 60_000, value] for step, time_ms, value in record["metrics"]["dev/sst.accuracy"]]
    write_into(root, record | {"metrics": {"dev/sst.accuracy": later}})
    assert project_all(root) == Summary(0, 1, 0)
    run = runs_of(root)[f"{ROW}-{SEED}"]
    assert history(root, run, "dev/sst.accuracy") == later
    assert set(run.data.metrics) == {"dev/sst.accuracy"}


def test_a_metric_that_a_finished_run_no_longer_has_is_gone(root: Path) -> None:
    record = make_training(ROW, SEED)
    write_into(root, record)
    project_all(root)
    write_into(root, record | {"metrics": {"dev/sst.accuracy": record["metrics"]["dev/sst.accuracy"]}})
    assert project_all(root) == Summary(0, 1, 0)
    assert set(runs_of(root)[f"{ROW}-{SEED}"].data.metrics) == {"dev/sst.accuracy"}


def test_a_changed_file_is_uploaded_again(root: Path) -> None:
    record = make_training(ROW, SEED)
    write_into(root, record)
    project_all(root)
    (root / record["artifacts"][0]).write_text("new\n")
    assert project_all(root) == Summary(0, 1, 0)
    run_id = runs_of(root)[f"{ROW}-{SEED}"].info.run_id
    assert Path(client_of(root).download_artifacts(run_id, "history.csv", root)).read_text() == "new\n"
