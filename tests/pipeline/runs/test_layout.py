"""Where files lie and what stages are called, against what dvc.yaml says of them."""

import subprocess

import pytest
import yaml

from pipeline.config.params import load_params
from pipeline.config.plan import make_index
from pipeline.config.selection import find_idle_recipes
from pipeline.runs import layout
from pipeline.runs.index import find_row, list_planned
from tests.tiny import REPOSITORY

PROFILE, ROW, SEED = "P", "R", 0
PHASES = (*layout.PHASES, layout.AVERAGE)
TRAINED = {
    phase: [layout.model(PROFILE, phase, ROW, SEED), layout.training_record(PROFILE, phase, ROW, SEED)]
    for phase in PHASES
}
EVALUATED = {
    f"eval_{phase}": [
        layout.evaluation_record(PROFILE, phase, ROW, SEED),
        layout.predictions(PROFILE, phase, ROW, SEED),
    ]
    for phase in PHASES
}
OUTS = {
    "download": [layout.corpus(PROFILE), layout.encoders(PROFILE), layout.data_record(PROFILE, "download")],
    "tokenize": [
        layout.all_tokens(PROFILE),
        layout.data_record(PROFILE, "tokenize"),
        layout.data_report(PROFILE),
    ],
    "adapt": [layout.adapted(PROFILE), layout.data_record(PROFILE, "adapt")],
    "plan": [layout.plan(PROFILE)],
    **{stage: [layout.start_file(PROFILE, ROW, SEED)] for stage in layout.START_STAGES.values()},
    **TRAINED,
    **EVALUATED,
}


@pytest.fixture(scope="module")
def stages():
    text = (REPOSITORY / "dvc.yaml").read_text()
    for variable, value in {
        "${item.profile}": PROFILE,
        "${item.task}_${item.mode}": ROW,
        "${item.recipe}": ROW,
        "${item.row}": ROW,
        "${item.seed}": str(SEED),
    }.items():
        text = text.replace(variable, value)
    return yaml.safe_load(text)["stages"]


def paths(entries):
    """Paths of a stage's outs or deps, options left out."""
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


@pytest.mark.parametrize("stage", OUTS)
def test_a_stages_outs_are_where_layout_says(stages, stage):
    assert paths(stages[stage]["outs"]) == {path.as_posix() for path in OUTS[stage]}


def test_the_stages_of_dvc_yaml_are_those_that_plan_and_layout_name():
    params = load_params(REPOSITORY / "params.yaml")
    profile, plan = params.profile, make_index(params, params.profile)
    expected = {f"{name}@{profile}" for name in ("digest", "plan", "track")}
    expected |= {layout.stage_name("data", profile, "data", stage) for stage in layout.DATA_STAGES}
    expected.add(layout.stage_name("summary", profile))
    for phase, row, seed in list_planned(plan):
        task = find_row(plan, phase, row)["tasks"][0]
        kinds = ("training", "evaluation", *(["start"] if phase in layout.START_STAGES else []))
        expected |= {layout.stage_name(kind, profile, phase, row, seed, task) for kind in kinds}
    for recipe in find_idle_recipes(params, profile):  # which have stages and nothing to do in them
        expected |= {
            layout.stage_name(kind, profile, "phase1", recipe, seed)
            for kind in ("training", "evaluation")
            for seed in params.seeds
        }
    listed = subprocess.run(["dvc", "stage", "list", "--name-only"], cwd=REPOSITORY, capture_output=True, text=True)
    assert set(listed.stdout.split()) == expected


def test_no_output_of_dvc_holds_what_was_imported(stages):
    entries = [path for stage in stages.values() for key in ("outs", "metrics", "plots") for path in stage.get(key, [])]
    assert not [path for path in paths(entries) if layout.imported(PROFILE).is_relative_to(path)]


@pytest.mark.parametrize("name", ["results/P/x", "artifacts/P/../x", "/artifacts/P/x", "artifacts/Q/x"])
def test_an_artifact_lies_in_the_tree_of_its_record_and_nowhere_else(name):
    assert layout.artifact("artifacts/P/records/x/y", "P", layout.imported) == layout.imported("P") / "records/x/y"
    with pytest.raises(ValueError, match=f"artifact {name}: allowed"):
        layout.artifact(name, "P", layout.imported)


def test_work_lies_outside_every_out_and_is_ignored(stages):
    outs = {path for stage in stages.values() for path in paths(stage.get("outs", []))}
    assert [path for path in outs if layout.work("key").is_relative_to(path)] == []
    assert f"/{layout.WORK}/" in (REPOSITORY / ".gitignore").read_text().splitlines()
