"""The view of a run: what its tags say, and in which order."""

import subprocess
from pathlib import Path

from pipeline.runs.index import read_index
from pipeline.tracking.projection import CURRENT_TAG, EXPERIMENT_TAG, PROJECTED_TAG
from pipeline.tracking.store import RUN_KEY_TAG
from pipeline.tracking.tags import COLLAPSED_TAG
from pipeline.tracking.view import RunView, compose_view, compose_views
from tests.pipeline.tracking.synthetic import ENVIRONMENT, make_record, make_training, write_into


def view_of(root: Path, *records: dict) -> RunView:
    return compose_view(list(records), root, None, is_planned=True)


def test_tags_begin_with_who_the_run_is_and_a_record_cannot_change_that(tmp_path: Path) -> None:
    record = make_training("baseline", 1) | {"tags": {"row": "other", "device": "cpu"}}
    tags = view_of(tmp_path, record).tags
    assert list(tags)[:4] == ["row", "seed", "phase", "profile"]
    assert (tags["row"], tags["device"]) == ("baseline", "cpu")
    assert tags["mlflow.source.git.commit"] == ENVIRONMENT["git_commit"]


def test_the_encoder_is_a_tag_wherever_it_was_said(tmp_path: Path) -> None:
    def encoder(**changes: object) -> str | None:
        return view_of(tmp_path, make_record("training", "phase2", "r", 0, **changes)).tags.get("encoder")

    assert encoder(params={"encoder": "minilm"}) == "minilm"
    assert encoder(params={"encoder.name": "minilm"}) == "minilm"
    assert encoder(tags={"encoder": "minilm"}) == "minilm"
    assert encoder() is None


def test_a_run_is_made_again_by_its_stage(tmp_path: Path) -> None:
    def stage(plan: dict | None, *fields: object) -> str:
        view = compose_view([make_record(*fields)], tmp_path, plan, is_planned=True)
        return view.tags["reproduce"].split("dvc repro ")[1]

    rows = {"part1": [{"row": "my_task_pretrain", "tasks": ["my_task"]}]}
    assert stage(rows, "training", "part1", "my_task_pretrain", 3) == "part1@tiny-my_task-pretrain-3"
    assert stage(None, "training", "part1", "sst_pretrain", 3) == "part1@tiny-sst-pretrain-3"
    assert stage(None, "evaluation", "phase2", "a", 0) == "eval_phase2@tiny-a-0"
    assert stage(None, "data", "data", "download", None) == "download@tiny"
    assert stage(None, "summary", "summary", "summary", None) == "report@tiny"


def test_a_record_from_elsewhere_cannot_say_what_the_projection_says(tmp_path: Path) -> None:
    ours = {tag: "foreign" for tag in (RUN_KEY_TAG, CURRENT_TAG, PROJECTED_TAG, EXPERIMENT_TAG, COLLAPSED_TAG)}
    tags = ours | {"mlflow.runName": "x", "score.sst": "1", "original_key": "no key", "device": "cpu"}
    record = make_training("baseline", 1) | {"tags": tags}
    view = view_of(tmp_path, record)
    assert view.original_key == view.run_key == record["run_key"]
    assert "foreign" not in view.tags.values() and not {"score.sst", "original_key"} & set(view.tags)
    assert view.tags["device"] == "cpu"


def test_a_record_from_elsewhere_cannot_take_the_place_of_another_run(tmp_path: Path) -> None:
    own = make_training("baseline", 0)
    foreign = make_training("baseline", 1) | {"tags": {"original_key": own["run_key"]}}
    write_into(tmp_path, own)
    write_into(tmp_path, foreign)
    views = compose_views(read_index(tmp_path, "tiny"))
    assert [view.original_key for view in views] == [own["run_key"], foreign["run_key"]]


def test_the_command_that_makes_a_run_again_does_nothing_else(tmp_path: Path) -> None:
    environment = ENVIRONMENT | {"git_commit": "$(touch owned)"}
    plan = {"part1": [{"row": "sst_pretrain", "tasks": ["$(touch owned)"]}]}
    record = make_record("training", "part1", "sst_pretrain", 3, environment=environment)
    command = compose_view([record], tmp_path, plan, is_planned=True).tags["reproduce"]
    subprocess.run(f"dvc() {{ :; }}; {command}", shell=True, cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir())
