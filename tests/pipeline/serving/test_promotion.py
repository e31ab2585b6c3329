"""The champion moves through the gate: by the table, and by the two models."""

import shutil
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipeline.command import Refused
from pipeline.config.params import load_params
from pipeline.files.atomic import read_json, write_json
from pipeline.gate.baseline import bless
from pipeline.serving.promotion import GATE_TAG, promote
from pipeline.serving.registry import CANDIDATE, CHAMPION, find_alias
from pipeline.tracking.store import tracking_uri
from stages import promote as promote_stage
from tests.pipeline.conftest import SERVER_TOO
from tests.pipeline.gate.conftest import predict, write_predictions
from tests.pipeline.tracking.shown import project_all, runs_of
from tests.pipeline.tracking.synthetic import make_evaluation, make_training, write_into
from tests.tiny import LOADER, REPOSITORY, dump_yaml, yaml

NAME = "berty-sample"
ROWS = {"good": (0.5, 0.75), "equal": (0.5, 0.75), "worse": (0.4, 0.75)}  # sst's accuracy, sts' correlation
SEEDS = (0, 1, 2)


@pytest.fixture
def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A profile with results that are the baseline, in MLflow, and a version of every row's first run."""
    monkeypatch.chdir(root)
    params = yaml.load((REPOSITORY / "params.yaml").read_text(), LOADER)
    params["profile"], params["profiles"]["sample"]["floors"] = "sample", {}
    (root / "params.yaml").write_text(dump_yaml(params))
    for place, row in enumerate(ROWS):
        for seed in SEEDS:
            write_run(root, row, seed, 10 * place + seed)
    index = {"part1": [], "phase1": [], "phase2": [{"row": row} for row in ROWS], "seeds": list(SEEDS)}
    write_json(root / "artifacts/sample/plan/index.json", index)
    bless(load_params())
    project_all(root)
    client = client_of(root)
    client.create_registered_model(NAME)
    for run in (runs_of(root, "sample")[f"{row}-0"] for row in ROWS):
        client.create_model_version(NAME, run.info.artifact_uri, run.info.run_id, {"row": run.data.tags["row"]})
    return root


def client_of(root: Path) -> MlflowClient:
    return MlflowClient(tracking_uri(root))


def write_run(root: Path, row: str, seed: int, number: int) -> None:
    """Records and predictions; `number` makes them other than those of any other run."""
    names = {"profile": "sample", "row": row, "run_key": f"{number:064d}"}
    training, evaluation = make_training("baseline", 0), make_evaluation("baseline", 0)
    folder = f"artifacts/sample/predictions/phase2/{row}-{seed}"
    for record in (
        training | {"artifacts": []},
        evaluation | {"artifacts": [f"{folder}/sst.csv", f"{folder}/sts.csv"]},
    ):
        write_into(root, record | names | {"seed": seed})
    for task, score in zip(("sst", "sts"), ROWS[row], strict=True):
        for place in (folder, folder.replace("artifacts", "results")):  # evaluation leaves them, report publishes them
            write_predictions(root / place, task, predict(task, score, number))


def make_candidate(root: Path, row: str) -> str:
    """The version of a row as candidate; returns its number."""
    client = client_of(root)
    (version,) = [one for one in client.search_model_versions(f"name = '{NAME}'") if one.tags["row"] == row]
    client.set_registered_model_alias(NAME, CANDIDATE, version.version)
    return version.version


def champion(root: Path) -> str | None:
    version = find_alias(client_of(root), NAME, CHAMPION)
    return version and version.tags["row"]


@SERVER_TOO
@pytest.mark.usefixtures("any_store")
def test_the_first_candidate_needs_the_table_alone_and_an_equal_model_may_follow(project):
    version = make_candidate(project, "good")
    promotion = promote(load_params(), project)
    assert promotion.is_champion and promotion.models is None and champion(project) == "good"
    assert client_of(project).get_model_version(NAME, version).tags[GATE_TAG] == "passed, no other champion"
    make_candidate(project, "equal")
    promotion = promote(load_params(), project)
    assert promotion.is_champion and promotion.models.num_changed == 2 and champion(project) == "equal"
    assert read_json(project / "baseline/sample-champion.json")["row"] == "equal"


def test_a_worse_model_stays_out_although_the_table_passes(project):
    make_candidate(project, "good")
    promote(load_params(), project)
    version = make_candidate(project, "worse")
    promotion = promote(load_params(), project)
    assert not promotion.table.is_regressed and promotion.models.is_regressed
    assert not promotion.is_champion and champion(project) == "good"
    assert GATE_TAG not in client_of(project).get_model_version(NAME, version).tags


def test_a_table_that_regressed_stops_the_best_of_models(project):
    make_candidate(project, "good")
    for seed in SEEDS:
        folder = project / f"results/sample/predictions/phase2/equal-{seed}"
        write_predictions(folder, "sst", predict("sst", 0.3, 50 + seed))
    promotion = promote(load_params(), project)
    assert promotion.table.is_regressed and not promotion.is_champion and champion(project) is None


def test_a_champion_whose_predictions_are_gone_cannot_be_compared(project):
    make_candidate(project, "good")
    promote(load_params(), project)
    run_id = find_alias(client_of(project), NAME, CHAMPION).run_id
    shutil.rmtree(project / "mlartifacts/sample" / run_id / "artifacts/predictions")
    make_candidate(project, "equal")
    with pytest.raises(ValueError, match=r"berty-sample version \d+: MLflow has no predictions of its run"):
        promote(load_params(), project)
    assert champion(project) == "good"


def test_a_champion_is_replaced_with_a_yes_alone(project):
    make_candidate(project, "good")
    assert promote(load_params(), project, yes=False).is_champion
    make_candidate(project, "equal")
    with pytest.raises(Refused, match=r"version \d+ passed, and replaces version \d+"):
        promote(load_params(), project, yes=False)
    assert champion(project) == "good"


def test_the_stage_says_who_the_champion_is_and_exits_1_for_one_that_stays_out(project, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["promote", "--yes", "--markdown", "out/promotion.md"])
    good = make_candidate(project, "good")
    assert promote_stage.main() == 0
    assert capsys.readouterr().out.endswith(f"{NAME}: version {good} is the champion\n")
    worse = make_candidate(project, "worse")
    assert promote_stage.main() == 1
    said = capsys.readouterr().out
    assert said.endswith(f"{NAME}: version {worse} did not pass; version {good} stays the champion\n")
    assert "regressed: model sst" in said
    assert "### Metrics: regressed" in (project / "out/promotion.md").read_text()


def test_the_champion_itself_has_nothing_to_beat(project):
    make_candidate(project, "good")
    promote(load_params(), project)
    promotion = promote(load_params(), project)
    assert promotion.is_champion and promotion.models is None and champion(project) == "good"


def test_without_a_candidate_the_message_says_how_to_make_one(project):
    with pytest.raises(ValueError, match="berty-sample: there is no candidate; `make register`"):
        promote(load_params(), project)


def test_without_a_baseline_nothing_is_promoted(project):
    make_candidate(project, "good")
    shutil.rmtree(project / "baseline")
    with pytest.raises(ValueError, match="baseline/sample/predictions: no such folder"):
        promote(load_params(), project)
    assert champion(project) is None
