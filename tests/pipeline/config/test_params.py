"""params.yaml as shipped, and every kind of fault that one can have: each is named with its key and what is allowed."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ruamel.yaml import YAML

from pipeline.config.params import load_params
from pipeline.config.selection import choose_profile
from tests.tiny import LOADER, REPOSITORY, dump_yaml


@pytest.fixture(scope="module")
def shipped() -> str:
    return (REPOSITORY / "params.yaml").read_text()


@pytest.fixture
def load(shipped, tmp_path) -> Callable[..., Any]:
    """Load the shipped params.yaml with keys set to other values."""

    def load(**values: Any):
        params = yaml.load(shipped, LOADER)
        for name, value in values.items():
            *folders, last = name.split("__")
            section = params
            for folder in folders:
                section = section[int(folder) if folder.isdigit() else folder]
            if value is DELETED:
                del section[last]
                continue
            section[int(last) if last.isdigit() else last] = value
        (tmp_path / "params.yaml").write_text(dump_yaml(params))
        return load_params(tmp_path / "params.yaml")

    return load


def test_dvc_reads_it_as_the_project_does_and_with_libyaml(shipped):
    """DVC takes ruamel's parser, written in Python where requirements.txt has no clib."""
    reader = YAML(typ="safe")
    assert "_ruamel_yaml" in reader.Parser.__module__
    assert reader.load(shipped) == yaml.load(shipped, LOADER)


class Deleted:
    """A key that a test takes away; it has no address in its name, which pytest's workers compare."""

    def __repr__(self) -> str:
        return "deleted"


DELETED = Deleted()
ONE_STEP = [{"tasks": ["sst"], "epochs": 1}]
SUBSET = {"ids": "ids.txt", "files": ["ids-sst-train.csv"]}
PINS = {"sha256": "0" * 64, "git_blob": "0" * 40, "sources": []}
SST = {
    "files": {"train": "ids-sst-train.csv", "dev": "ids-sst-dev.csv", "test": "ids-sst-test-student.csv"},
    "sentences": ["sentence"],
    "label": "sentiment",
    "cleaning": "sentence",
    "head": "classify",
    "metric": "accuracy",
}

# (the key that is wrong, its value, what the message says)
FAULTS = [
    # unknown keys
    ("trian", {}, ["params.yaml: unknown key 'trian'", "allowed: profile, seeds, rows"]),
    ("iterations__" + "a" * 101, {}, ["at most 100 characters"]),
    ("profiles__sample__data__max_lenght", 9, ["profiles.sample.data", "'max_lenght'", "allowed: corpus, max_length"]),
    ("iterations__iteration_1__train", {"lr": 0.1}, ["iterations.iteration_1.train", "'lr'", "allowed: batch_size"]),
    ("phase1__sst_then_sts__start", "encoder", ["phase1.sst_then_sts", "'start'", "allowed: note, heads, schedule"]),
    (
        "iterations__baseline__schedule__0__lr",
        0.1,
        ["iterations.baseline.schedule.0", "'lr'", "allowed: tasks, epochs"],
    ),
    # out of range
    ("train__batch_size", 0, ["train.batch_size", "greater than 0", "0"]),
    ("train__head_dropout", 1.0, ["train.head_dropout", "less than 1"]),
    ("train__adamw_form", "adam", ["train.adamw_form", "'course' or 'torch'"]),
    ("profiles__sample__data__max_length", 513, ["profiles.sample.data.max_length", "less than or equal to 512"]),
    ("encoders__minilm__max_positions", 100, ["course_small.data.max_length", "256", "100 positions", "minilm"]),
    ("tasks__sts__label_range", [5, 0], ["tasks.sts", "label_range is [5.0, 0.0]", "the smaller one first"]),
    ("seeds", [], ["seeds", "at least 1"]),
    ("seeds", [-1], ["seeds.0", "greater than or equal to 0"]),
    ("seeds", [0, 1, 0], ["seeds", "[0, 1, 0]", "twice"]),
    ("profiles__sample__seed_sd", {"quora": 0.1}, ["sample.seed_sd: 'quora'", "allowed: sst, para, sts"]),
    # another type
    ("train__batch_size", "32", ["train.batch_size", "valid integer", "'32'"]),
    ("seeds", [True], ["seeds.0", "valid integer", "True"]),
    ("train__learning_rate", "1_0e-5", ["line ", "train.learning_rate: 1_0e-5", "plain decimal number"]),
    ("iterations__baseline__note", "0o10", ["line ", "iterations.baseline.note: 0o10", "in quotes"]),
    # names of nothing
    ("profile", "smaple", ["profile: 'smaple'", "allowed: sample, course_small"]),
    ("profiles__sample__encoder", "minlm", ["sample.encoder: 'minlm'", "allowed: minilm, minilm_2layers, "]),
    ("profiles__sample__tasks", ["sst", "sst2"], ["profiles.sample.tasks: 'sst2'", "allowed: sst, para"]),
    ("profiles__sample__tasks", DELETED, ["profiles.sample.tasks: missing"]),
    ("profiles__sample__tasks", ["sst", "para", "sts"], ["sample.data.sizes: 'cfimdb'", "allowed: sst, para, sts"]),
    ("profiles__paper__floors", {"iteration_4": {"sst": 0.5}}, ["paper.floors: 'iteration_4'", "sst_pretrain, "]),
    # choices
    ("train__pooling", 3, ["params.yaml: train.pooling: 3 is no choice; allowed: NAME or {NAME: {option: value}}"]),
    ("iterations__iteration_3__schedule__0__combine", {"pcgrad": 1}, ["iteration_3.schedule.0.combine: {'pcgrad': 1}"]),
    # rows
    ("rows", DELETED, ["rows: missing"]),
    ("rows", ["baseline", "iteration_4"], ["rows: 'iteration_4' is unknown; allowed: untrained, baseline"]),
    ("rows", ["iteration_1", "iteration_3"], ["iteration_1 is compared with its control baseline", "iteration_2,"]),
    ("iterations__untrained__tasks", DELETED, ["iterations.untrained", "`tasks: [...]`"]),
    ("phase1__sst_then_sts__schedule", [], ["phase1.sst_then_sts.schedule", "at least 1"]),
    # encoders
    ("iterations__iteration_1__encoder", "bert", ["iterations.iteration_1.encoder: 'bert'", "allowed: minilm"]),
    ("encoders__minilm__hidden_size", DELETED, ["encoders.minilm.hidden_size: missing", "minilm/config.json"]),
    ("assets__minilm/vocab.txt", DELETED, ["encoders.minilm: its file: 'minilm/vocab.txt'"]),
    ("profiles__course_part__data__subsets__para__files", ["x.csv"], ["subsets.para.files: 'x.csv'", "allowed: ids-"]),
    ("profiles__sample__data__subsets", {"sst": SUBSET}, ["sample.data.subsets: 'sst' is unknown; allowed: "]),
    ("tasks__sst__files__dev", "sst.csv", ["tasks.sst.files: 'sst.csv'", "allowed: ids-sst-train.csv"]),
    ("iterations__iteration_1__schedule__0__tasks", ["sts2"], ["schedule.0.tasks: 'sts2'", "allowed: sst, para, sts"]),
    ("iterations__iteration_1__tasks", ["sst", "quora"], ["iterations.iteration_1.tasks: 'quora'", "allowed: sst"]),
    ("iterations__iteration_1__tasks", ["sst", "para"], ["iterations.iteration_1.tasks", "trains sts"]),
    (
        "iterations__iteration_1__heads",
        {"quora": "classify"},
        ["iterations.iteration_1.heads: 'quora'", "allowed: sst"],
    ),
    ("iterations__iteration_1__paper", {"mean": 0.5}, ["iterations.iteration_1.paper: 'mean'", "overall"]),
    ("iterations__iteration_1__control", "base", ["iterations.iteration_1.control: 'base'", "allowed: untrained"]),
    ("iterations__iteration_1__control", "iteration_1", ["iterations.iteration_1.control", "its own control"]),
    ("iterations__iteration_2__start", "sst_sts", ["iteration_2.start: 'sst_sts'", "allowed: encoder, sst_then_sts"]),
    (
        "phase1__sst_then_sts__schedule__1__encoder",
        "frozen",
        ["phase1.sst_then_sts.schedule.1.encoder: 'frozen'", "allowed: finetuned"],
    ),
    (
        "phase1__sst_then_sts__schedule__0__loss_weights",
        {"para": 2.0},
        ["phase1.sst_then_sts.schedule.0.loss_weights: 'para' is unknown; allowed: sst"],
    ),
    ("figures__phase1", "phase_1", ["figures.phase1: 'phase_1'", "allowed: sst_then_sts"]),
    ("gate__margins", {"stst": 0.02}, ["gate.margins: 'stst'", "allowed: sst, para"]),
    # what does not fit together
    (
        "iterations__new",
        {"start": "sst_then_sts", "schedule": ONE_STEP},
        ["iterations.new.tasks: its start sst_then_sts trains sts"],
    ),
    ("assets__quora-dev.csv", PINS, ["assets.quora-dev.csv", "exactly one of sha256 and git_blob"]),
    ("tasks__sst", SST, ["tasks.sst", "exactly one of num_classes and label_range"]),
    ("iterations__my-row", {"schedule": ONE_STEP}, ["iterations.my-row", "pattern", "[a-z0-9]"]),
]


@pytest.mark.parametrize(("key", "value", "said"), FAULTS, ids=[f"{key}={value}"[:60] for key, value, _ in FAULTS])
def test_a_fault_is_named_with_its_key_and_what_is_allowed(load, key, value, said):
    with pytest.raises(ValueError) as error:
        load(**{key: value})
    message = str(error.value)
    assert message.split(": ")[0].endswith("params.yaml")
    assert [part for part in said if part not in message] == [], message


def test_a_value_of_any_length_is_shown_in_short(load):
    with pytest.raises(ValueError, match=r"params.yaml: seeds.0: .*integer \(it is \[") as error:
        load(seeds=[list(range(10_000))])
    assert len(str(error.value)) < 200


def test_a_missing_key_is_named(shipped, tmp_path):
    params = yaml.safe_load(shipped)
    del params["train"]["eps"], params["figures"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ValueError) as error:
        load_params(tmp_path / "params.yaml")
    assert {line.split(": ", 1)[1] for line in str(error.value).splitlines()} == {
        "train.eps: missing",
        "figures: missing",
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no such file"),
        ("a: [1", "not a YAML file"),
        ("- 1", "expected a mapping"),
        (b"\xff\xfe", "not a YAML file"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, said):
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=f"params.yaml: {said}"):
        load_params(path)


def test_numbers_without_a_point_are_numbers(shipped, tmp_path):
    """DVC writes them so itself: dvc exp run -S train.learning_rate=5e-05."""
    path = tmp_path / "params.yaml"
    path.write_text(shipped.replace("learning_rate: 1.0e-5", "learning_rate: 5e-05"))
    assert load_params(path).train.learning_rate == 5e-5


def test_overrides_may_be_whole_numbers_and_null_where_train_allows_it(load):
    params = load(iterations__iteration_1__train={"head_width": None, "weight_decay": 0})
    override = params.iterations["iteration_1"].train
    assert override.model_dump(exclude_unset=True) == {"head_width": None, "weight_decay": 0}


def test_every_shipped_profile_is_there_and_others_are_refused():
    params = load_params(REPOSITORY / "params.yaml")
    assert {"sample", "course_small", "course_part", "paper"} <= set(params.profiles)
    assert choose_profile(params, "paper").encoder == "bert_base"
    with pytest.raises(ValueError, match="profile 'papers' is unknown; allowed: sample, course_small"):
        choose_profile(params, "papers")
