"""Rows with pseudo-labels in a plan: what it refuses, what their run files say, and that no other key has any of it."""

import copy
import json

import pytest

from pipeline.config.params import load_params
from pipeline.config.pseudo_labels import find_pseudo_label_faults
from pipeline.runs import layout
from pipeline.runs.code import PSEUDO_LABELS, entries_of_run
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from tests.tiny import PROFILE, REPOSITORY

TASKS = ["sst", "para", "sts"]
ROW = {
    "start": "sst_alone",
    "pseudo_labels": {"sst": {"confidence": 0.5}},
    "schedule": [{"tasks": TASKS, "epochs": 2}],
}
PATH = layout.run_file(PROFILE, "phase2", "new", 0)


@pytest.fixture(autouse=True)
def recipe(tiny):
    tiny.change(phase1__sst_alone={"schedule": [{"tasks": ["sst"], "epochs": 1}]}, iterations__new=copy.deepcopy(ROW))


def test_a_row_without_them_has_nothing_of_them_in_its_key(tiny):
    tiny.plan()
    run = read_run(PATH, start_path=tiny.start("iteration_1").start_path)
    assert PSEUDO_LABELS in entries_of_run(run.spec)
    check_run_file(run)
    with_labels = json.loads(PATH.read_text())
    code = with_labels.pop("code")
    reached = {name.rpartition(".")[2] for name in code if name.startswith("pipeline.training.pseudo_labels.")}
    assert reached >= {"add_pseudo_labels", "choose_confident", "list_sentences"}
    tiny.change(iterations__new={key: value for key, value in ROW.items() if key != "pseudo_labels"})
    for name, content in tiny.plan().items():
        assert b"pseudo" not in content and b"training.begin" not in content, name
    without = json.loads(PATH.read_text())
    fewer = without.pop("code")
    assert fewer == {name: digest for name, digest in code.items() if name in fewer} and len(fewer) < len(code)
    assert with_labels.pop("pseudo_labels") == ROW["pseudo_labels"]
    assert with_labels == without


def test_options_at_their_defaults_are_left_out_of_the_run_file(tiny):
    tiny.change(iterations__new__pseudo_labels={"sst": {"confidence": 0.9, "share": 2}})
    tiny.plan()
    found = json.loads(PATH.read_text())["pseudo_labels"]
    assert found == {"sst": {"share": 2.0}} and type(found["sst"]["share"]) is float


FAULTS = [
    (
        {"start": "encoder"},
        "it starts from the encoder, which has no trained head; allowed: a start among sst_",
    ),
    ({"pseudo_labels": {"sts": {}}, "start": "sst_then_sts"}, "sts: its examples are no single sentences with classes"),
    ({"pseudo_labels": {"para": {}}}, "para: its start sst_alone has not trained it; allowed: sst"),
    ({"pseudo_labels": {"snli": {}}}, "snli: 'snli' is unknown; allowed: sst"),
    ({"schedule": [{"tasks": ["para"], "epochs": 1}], "tasks": TASKS}, "sst: the row does not train it; allowed: none"),
    ({"schedule": [{"tasks": ["sst"], "epochs": 1}]}, "sst: the row has no other task"),
    ({"pseudo_labels": {"sst": {"threshold": 0.5}}}, "sst: option 'threshold' is unknown; allowed: confidence, share"),
    ({"pseudo_labels": {"sst": {"confidence": 1.5}}}, "option 'confidence' is 1.5; allowed: float, at least 0 and at"),
    ({"pseudo_labels": {"sst": {"share": "all"}}}, "sst: option 'share' is 'all'; allowed: float, at least 0"),
    ({"train": {"world_size": 2}}, "new.train.world_size: one process gives pseudo_labels; allowed: 1"),
]


@pytest.mark.parametrize(("keys", "said"), FAULTS, ids=[str(keys)[:60] for keys, _ in FAULTS])
def test_plan_refuses_in_one_line_what_cannot_be_labelled(tiny, keys, said):
    tiny.change(iterations__new=copy.deepcopy(ROW) | keys)
    with pytest.raises(ValueError) as error:
        tiny.plan()
    (line,) = str(error.value).splitlines()
    assert line.startswith("params.yaml: iterations.new.") and said in line, line


def test_only_a_row_of_table_2_has_them(tiny):
    for where in ("train", "phase1__sst_alone", "part1__tasks__sst", "iterations__new__train"):
        with pytest.raises(ValueError, match="unknown key 'pseudo_labels'"):
            tiny.change(**{f"{where}__pseudo_labels": {"sst": {}}})
            tiny.plan()
        tiny.change(**{f"{where}__pseudo_labels": None})
    tiny.plan()


def test_the_shipped_row_differs_from_its_control_in_them_alone():
    params = load_params(REPOSITORY / "params.yaml")
    rows = [name for name, row in params.iterations.items() if row.pseudo_labels]
    assert rows and list(find_pseudo_label_faults(params)) == []
    for name in rows:
        row = params.iterations[name].model_dump()
        control = params.iterations[row["control"]].model_dump()
        assert {key for key in row if row[key] != control[key]} == {"note", "control", "pseudo_labels"}
        assert row["train"]["mixing"]["repeat"]["steps"] > 0  # or the larger set would make every task's epochs longer
