"""Run files: each changes exactly when its run has to be done again."""

import json
import shutil
from collections import Counter

import pytest

from pipeline.config.runs import TRAINING_PACKAGES, read_training_lock
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout, neutral
from tests.tiny import ENCODER, PROFILE, REPOSITORY

THREE_TASKS = [{"tasks": ["sst", "para", "sts"], "epochs": 2}]


@pytest.fixture
def before(tiny):
    return tiny.plan()


def changed(before, after):
    assert set(before) <= set(after)
    return {name for name in before if before[name] != after[name]}


def test_there_is_one_run_file_per_phase_row_and_seed(tiny):
    tiny.change(seeds=[0, 7])
    rows = {
        "part1": ["sst_pretrain", "sst_finetune", "cfimdb_pretrain", "cfimdb_finetune"],
        "phase1": list(tiny.params.phase1),
        "phase2": list(tiny.params.iterations),
    }
    runs = tiny.plan()
    assert set(runs) == {f"{phase}/{row}-{seed}" for phase in rows for row in rows[phase] for seed in (0, 7)}
    for name, content in runs.items():
        run = json.loads(content)
        assert f"{run['phase']}/{run['row']}-{run['seed']}" == name
        assert ("start" in run) == (run["phase"] == "phase2")


def test_a_run_file_is_complete(tiny, before):
    run = json.loads(before["phase2/iteration_3-0"])
    assert run["start"] == "sst_then_sts"
    assert run["schedule"] == [
        {"tasks": ["sst", "para", "sts"], "epochs": 1, "encoder": "finetuned", "combine": "pcgrad"}
    ]
    assert run["encoder"]["sha256"] == hash_file(tiny.root / "mirror" / ENCODER / "model.safetensors")
    keys = set(type(tiny.params.train).model_fields)
    assert set(run["train"]) == keys - set(neutral.TRAIN) | {"selection_fraction"}
    assert None not in run["train"].values()
    filled = neutral.fill_neutral(run)
    assert set(filled["train"]) == keys and neutral.drop_neutral(filled) == run
    assert filled["schedule"] == [run["schedule"][0] | {"loss_weights": {}}]
    assert filled["tasks"]["sst"]["label_range"] is None and filled["tasks"]["sst"]["text"]["lowercase"] is True
    assert run["tasks"]["sts"]["label_range"] == [0.0, 5.0]
    para = tiny.root / layout.tokens(PROFILE, ENCODER) / "para"
    assert run["tasks"]["para"]["digests"]["dev"] == hash_folder(para / "dev")
    assert run["packages"].keys() == set(TRAINING_PACKAGES)
    assert str(tiny.root) not in before["phase2/iteration_3-0"].decode()


def test_overrides_are_merged_from_the_general_to_the_particular(tiny):
    tiny.change(
        train__batch_size=4,
        train__head_width=16,
        profiles__tiny__train={"batch_size": 5, "eps": 1e-5},
        part1__tasks__sst__train={"batch_size": 6, "beta1": 0.8},
        part1__modes__finetune__train={"beta1": 0.7},
        iterations__iteration_1__train={"batch_size": 9, "head_width": None},
        phase1__sst_then_sts__train={"eps": 1e-4},
        profiles__tiny__max_train={"para": 11},
    )
    runs = {name: json.loads(run) for name, run in tiny.plan().items()}
    widths = [runs[f"phase2/{row}-0"]["train"].get("head_width") for row in ("iteration_1", "iteration_2")]
    assert widths == [None, 16]  # null is a value
    sizes = {name: run["train"]["batch_size"] for name, run in runs.items()}
    assert sizes["part1/sst_finetune-0"] == sizes["part1/sst_pretrain-0"] == 6
    assert (sizes["phase2/iteration_1-0"], sizes["phase2/iteration_2-0"]) == (9, 5)
    assert [runs[f"part1/sst_{mode}-0"]["train"]["beta1"] for mode in ("finetune", "pretrain")] == [0.7, 0.8]
    assert [runs[name]["train"]["eps"] for name in ("phase1/sst_then_sts-0", "phase2/iteration_1-0")] == [1e-4, 1e-5]
    assert {task: row["max_train"] for task, row in runs["phase2/iteration_1-0"]["tasks"].items()} == {
        "sst": None, "para": 11, "sts": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"iterations__iteration_3__note": "Another note."},
        {"iterations__iteration_3__paper": {"sst": 0.1}},
        {"iterations__iteration_3__control": "baseline"},
        {"part1__modes__finetune__paper": {}},
        {"profiles__tiny__note": "Another note.", "profiles__tiny__caveat": "Beware."},
        {"figures__phase2": "baseline"},
        {"figures__phase2": "untrained_or_gone", "iterations__untrained_or_gone": {"tasks": ["sst"], "schedule": []}},
        {"train__mixing": {"repeat": {}}, "iterations__iteration_3__heads": {"sts": {"cosine_similarity": {}}}},
        {"profiles__sample__train__batch_size": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_only_shown_changes_no_run_file(tiny, before, change):
    tiny.change(**change)
    after = tiny.plan()
    assert {name: after[name] for name in before} == before


def test_a_changed_row_changes_its_own_run_files_only(tiny):
    tiny.change(seeds=[0, 1])
    before = tiny.plan()
    tiny.change(iterations__iteration_1__schedule=THREE_TASKS)
    assert changed(before, tiny.plan()) == {"phase2/iteration_1-0", "phase2/iteration_1-1"}


def test_a_new_row_task_encoder_or_seed_changes_no_other_run_file(tiny, before):
    tiny.change(iterations__new={"schedule": THREE_TASKS}, seeds=[0, 1])
    after = tiny.plan()
    assert changed(before, after) == set() and "phase2/new-0" in after

    tiny.change(
        tasks__sst2=tiny.params.tasks["sst"].model_dump(exclude_none=True),
        part1__tasks__sst2={},
        profiles__tiny__tasks=["sst", "sts", "cfimdb", "para", "sst2"],
        encoders__another={"hidden_size": 8, "num_layers": 1, "num_heads": 1, "intermediate_size": 8},
    )
    for name in ("model.safetensors", "vocab.txt"):
        tiny.change(**{f"assets__another/{name}": {"sha256": "0" * 64, "sources": []}})
    tokens = tiny.root / layout.tokens(PROFILE, ENCODER)
    shutil.copytree(tokens / "sst", tokens / "sst2")
    after = tiny.plan()
    assert changed(before, after) == set() and "part1/sst2_finetune-0" in after


def test_rows_that_are_not_listed_have_no_run_file_and_their_recipes_do_not_train(tiny, before):
    tiny.change(rows=["baseline", "iteration_1"])
    after = tiny.plan()
    assert {name for name in after if name.startswith("phase2")} == {"phase2/baseline-0", "phase2/iteration_1-0"}
    assert changed(after, before) == set()  # the figure names the recipe, so it trains all the same
    tiny.change(figures={"phase1": None, "phase2": None})
    assert json.loads(tiny.plan()["phase1/sst_then_sts-0"]) == {
        "version": 1, "profile": PROFILE, "phase": "phase1", "row": "sst_then_sts", "seed": 0,
        "skipped": "no row in `rows` starts from it",
    }  # fmt: skip


def test_an_untrained_row_has_a_run_without_legs(tiny):
    tiny.change(iterations__untrained={"schedule": [], "tasks": ["sst", "para", "sts"]})
    run = json.loads(tiny.plan()["phase2/untrained-0"])
    assert run["schedule"] == [] and set(run["tasks"]) == {"sst", "para", "sts"} and run["start"] == "encoder"


def test_a_row_may_have_an_encoder_of_its_own(tiny, before):
    tiny.add_encoder("cased", cased=True, pooling="mean")
    tiny.change(iterations__new={"schedule": THREE_TASKS, "encoder": "cased", "train": {"pooling": "own"}})
    tiny.prepare()
    after = tiny.plan()
    assert changed(before, after) == set()
    run, task = json.loads(after["phase2/new-0"]), json.loads(after["phase2/new-0"])["tasks"]["sts"]
    assert run["encoder"]["name"] == "cased" and run["train"]["pooling"] == "mean"
    assert (tiny.root / run["encoder"]["folder"] / "vocab.txt").is_file()
    assert task["text"]["lowercase"] is False and "/tokens/cased/sts/dev" in task["tokens"]["dev"]
    assert task["digests"]["dev"] == hash_folder(tiny.root / task["tokens"]["dev"])


def test_a_changed_token_file_changes_the_runs_that_read_it(tiny, before):
    labels = tiny.root / layout.tokens(PROFILE, ENCODER) / "cfimdb" / "train" / "labels.npy"
    labels.write_bytes(labels.read_bytes()[:-4] + b"\0\0\0\x40")  # the last label, a class 2.0 that was not there
    assert changed(before, tiny.plan()) == {"part1/cfimdb_finetune-0", "part1/cfimdb_pretrain-0"}


def test_a_changed_encoder_changes_every_run_file(tiny, before):
    weights = tiny.root / layout.encoder(PROFILE, ENCODER) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert changed(before, tiny.plan()) == set(before)


def test_a_changed_definition_changes_the_runs_that_execute_it(tiny, before):
    def append(name: str, before: str, after: str) -> None:
        path = tiny.root / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    for name in ("model", "pipeline"):
        (tiny.root / name).unlink()
        shutil.copytree(REPOSITORY / name, tiny.root / name)
    append("model/bert.py", "class MiniBert", "# A comment.\nclass MiniBert")
    append("pipeline/runs/layout.py", "def plan(", "def new() -> None:\n    pass\n\n\ndef plan(")
    assert tiny.plan() == before
    append("model/combine/pcgrad.py", "inner < 0", "inner <= 0")
    assert changed(before, tiny.plan()) == {"phase2/iteration_3-0"}
    append("model/heads/pair_regression.py", ".squeeze(-1)", ".squeeze(1)")
    append("model/combine/pcgrad.py", "inner <= 0", "inner < 0")
    rows = ("baseline", "baseline_frozen_after_sst", "iteration_1")
    assert changed(before, tiny.plan()) == {f"phase2/{row}-0" for row in rows}
    append("model/bert.py", "INITIAL_STD = 0.02", "INITIAL_STD = 0.03")
    assert changed(before, tiny.plan()) == set(before)


@pytest.mark.parametrize("package", TRAINING_PACKAGES)
def test_a_changed_lock_version_changes_every_run_file(tiny, before, package):
    lock = tiny.root / "requirements.lock"
    lock.write_text(lock.read_text().replace(f"{package}==", f"{package}==9"))
    assert changed(before, tiny.plan()) == set(before)


def test_a_build_tag_a_comment_and_other_packages_are_the_same_lock(tiny, before):
    lock = tiny.root / "requirements.lock"
    text = lock.read_text()
    assert "torch==2.13.0\n" in text
    lock.write_text(
        "# locked\npandas==1.0\n" + text.replace("torch==2.13.0\n", "torch==2.13.0+cpu  # the CPU's build\n")
    )
    assert read_training_lock(lock)["torch"] == "2.13.0"
    assert tiny.plan() == before


def test_a_lock_that_lacks_a_package_is_refused(tmp_path):
    (tmp_path / "requirements.lock").write_text("torch==2.13.0\nnumpy>=2\n")
    with pytest.raises(ValueError, match="requirements.lock: no line NAME==VERSION for numpy, tokenizers, safetensors"):
        read_training_lock(tmp_path / "requirements.lock")
    with pytest.raises(ValueError, match="no line NAME==VERSION for torch"):
        read_training_lock(tmp_path / "no.lock")


def test_a_fraction_that_nothing_is_chosen_by_is_in_no_run_file(tiny):
    tiny.change(train__keep="last")
    before = tiny.plan()
    tiny.change(train__selection_fraction=0.2)
    assert tiny.plan() == before


def test_a_row_runs_with_the_first_of_the_seeds_and_so_does_what_it_alone_starts_from(tiny):
    tiny.change(seeds=[3, 4, 5], profiles__tiny__num_seeds={"iteration_2": 1, "iteration_3": 2, "baseline": 2})
    runs = {name: json.loads(run) for name, run in tiny.plan().items()}
    skipped = {name for name, run in runs.items() if "skipped" in run}
    assert skipped == {
        "phase1/sst_then_sts-5", "phase2/iteration_2-4", "phase2/iteration_2-5", "phase2/iteration_3-5",
        "phase2/baseline-5",
    }  # fmt: skip
    index = json.loads((tiny.root / layout.plan(PROFILE) / "index.json").read_text())
    rows = {row["row"]: row for row in [*index["phase1"], *index["phase2"]]}
    assert [rows[name]["seeds"] for name in ("sst_then_sts", "iteration_2", "iteration_1")] == [[3, 4], [3], [3, 4, 5]]
    assert (rows["iteration_3"]["keep"], rows["iteration_3"]["start"]) == ("best", "sst_then_sts")


def test_rows_that_begin_alike_have_one_number_of_seeds_and_one_that_is_named_its_own(tiny):
    tiny.change(seeds=[3, 4, 5], profiles__tiny__num_seeds={"iteration_*": 1, "iteration_3": 2, "baseline": 7})
    rows = Counter(name.rpartition("-")[0] for name, run in tiny.plan().items() if "skipped" not in json.loads(run))
    assert [rows[f"phase2/{name}"] for name in ("iteration_1", "iteration_2", "iteration_3", "baseline")] == [
        1,
        1,
        2,
        3,
    ]
    tiny.change(profiles__tiny__num_seeds={"idea_*": 1})
    with pytest.raises(ValueError, match=r"profiles.tiny.num_seeds: 'idea_\*' is unknown"):
        tiny.plan()
