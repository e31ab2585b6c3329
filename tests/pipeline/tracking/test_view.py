"""The view of a run: what its tags say, and in which order."""

from pathlib import Path

from pipeline.tracking.view import RunView, compose_views
from tests.pipeline.tracking.synthetic import ENVIRONMENT, make_evaluation, make_record, make_training


def view_of(root: Path, *records: dict) -> RunView:
    ((view,),) = compose_views([(record, root) for record in records], root).values()
    return view


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


def test_an_evaluation_does_not_lead_whatever_the_order(tmp_path: Path) -> None:
    training, evaluation = make_training("baseline", 1), make_evaluation("baseline", 1) | {"phase": "eval_phase2"}
    views = [view_of(tmp_path, training, evaluation), view_of(tmp_path, evaluation, training)]
    assert [view.start_time for view in views] == [training["start_time"]] * 2
    assert [view.fingerprint for view in views] == [views[0].fingerprint] * 2
    assert view_of(tmp_path, evaluation).tags["phase"] == "phase2"


def test_runs_without_a_seed_are_named_by_their_row(tmp_path: Path) -> None:
    assert view_of(tmp_path, make_record("data", "data", "download", None)).name == "download"
    assert view_of(tmp_path, make_training("baseline", 1)).name == "baseline-1"
