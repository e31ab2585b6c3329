"""The plan: what it refuses, what its index and its commands say, and that it appears whole or not at all."""

import json
from collections import Counter

import pytest
import yaml

from model.combine import COMBINERS
from model.heads import HEADS
from pipeline.config.params import load_params
from pipeline.config.plan import find_unknown_kinds, make_index, write_plan
from pipeline.files.digest import hash_folder
from pipeline.runs import layout
from tests.tiny import PROFILE, REPOSITORY

SHIPPED = load_params(REPOSITORY / "params.yaml")
INDEX_KEYS = {
    "profile", "description", "encoder", "caveats", "seeds", "tasks", "part1", "phase1", "phase2", "figures",
}  # fmt: skip


@pytest.mark.parametrize("profile", SHIPPED.profiles)
def test_every_shipped_profile_makes_a_valid_index(profile):
    index = make_index(SHIPPED, profile)
    assert set(index) == INDEX_KEYS
    assert json.loads(json.dumps(index)) == index
    assert index["profile"] == profile and index["encoder"] in SHIPPED.encoders
    assert index["tasks"]["sts"] == {"metric": "pearson"} and index["tasks"]["cfimdb"] == {"metric": "accuracy"}
    rows = [row["row"] for row in index["phase2"]]
    assert rows == list(SHIPPED.iterations)
    assert {row["control"] for row in index["phase2"]} <= {None, *rows}
    assert index["figures"]["phase2"] in rows and index["figures"]["phase1"] in [row["row"] for row in index["phase1"]]
    assert list(find_unknown_kinds(SHIPPED)) == []


def test_the_index_has_table_1s_rows_with_the_papers_values():
    part1 = {row["row"]: row for row in make_index(SHIPPED, "paper")["part1"]}
    assert set(part1) == {"sst_pretrain", "sst_finetune", "cfimdb_pretrain", "cfimdb_finetune"}
    assert part1["cfimdb_finetune"] == {"row": "cfimdb_finetune", "tasks": ["cfimdb"], "paper": {"cfimdb": 0.967}}


def test_the_caveats_of_encoder_and_profile_are_in_the_index():
    minilm, part = make_index(SHIPPED, "course_part")["caveats"]
    assert "103,663 Quora duplicates" in minilm and "57,998" in part
    assert make_index(SHIPPED, "paper")["caveats"] == []


def test_a_row_that_trains_fewer_tasks_than_it_evaluates_lists_all():
    rows = {row["row"]: row for row in make_index(SHIPPED, "sample")["phase2"]}
    assert rows["baseline_sst_only"]["tasks"] == ["sst", "para", "sts"]
    assert rows["baseline"]["tasks"] == ["sst", "para", "sts"], "in the order of params.yaml, not of the schedule"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iterations__iteration_1__heads": {"sts": "cosine"}}, ["iterations.iteration_1.heads.sts", "'cosine'"]),
        ({"iterations__iteration_1__heads": {"sts": "pair_classify"}}, ["iterations.iteration_1.heads.sts"]),
        (
            {"phase1__sst_then_sts__heads": {"sst": "pair_classify"}},
            ["phase1.sst_then_sts.heads.sst", "'pair_classify'"],
        ),
        ({"tasks__para__head": "classify"}, ["tasks.para.head", "'classify'", "pair_classify"]),
        ({"tasks__sts__head": "classify"}, ["tasks.sts.head", "cosine_similarity, pair_regression"]),
        (
            {"iterations__new": {"schedule": [{"tasks": ["sst", "sts"], "epochs": 1, "combine": "mgda"}]}},
            ["iterations.new.schedule.0.combine", "'mgda'", ", ".join(COMBINERS)],
        ),
    ],
)
def test_a_head_or_combination_that_is_not_there_or_does_not_fit_leaves_no_plan(tiny, change, said):
    if "phase1__sst_then_sts__heads" in change:  # what starts from it would be a fault of its own
        change |= {f"iterations__{row}": None for row in ("iteration_2", "iteration_3")}
        change["figures__phase2"] = "iteration_1"
    tiny.change(**change)
    with pytest.raises(ValueError) as error:
        write_plan(tiny.params, PROFILE, tiny.root)
    assert [part for part in ["params.yaml", "allowed", *said] if part not in str(error.value)] == []
    assert not (tiny.root / layout.plan(PROFILE)).exists()


def test_a_plan_that_is_there_outlives_a_fault(tiny):
    tiny.plan()
    before = hash_folder(tiny.root / layout.plan(PROFILE))
    tiny.change(iterations__iteration_1__heads={"sts": "cosine"}, seeds=[0, 1])
    with pytest.raises(ValueError, match="'cosine'"):
        tiny.plan()
    (tiny.root / "requirements.lock").write_text("torch==2.13.0\n")
    tiny.change(iterations__iteration_1__heads={"sts": "pair_regression"})
    with pytest.raises(ValueError, match="requirements.lock: no line NAME==VERSION for numpy"):
        tiny.plan()
    assert hash_folder(tiny.root / layout.plan(PROFILE)) == before
    assert [path.name for path in (tiny.root / layout.artifacts(PROFILE)).iterdir() if path.name.startswith(".")] == []


def test_an_unknown_profile_is_refused(tiny):
    with pytest.raises(ValueError, match="profile 'big' is unknown; allowed: .*tiny"):
        write_plan(tiny.params, "big", tiny.root)


@pytest.mark.parametrize("kind", HEADS)
def test_every_kind_of_head_fits_some_task(tiny, kind):
    params = yaml.safe_load((tiny.root / "params.yaml").read_text())
    regression, pair = HEADS[kind].labels == "scores", HEADS[kind].num_sentences == 2
    task = {(False, False): "sst", (False, True): "para", (True, True): "sts"}[regression, pair]
    tiny.change(**{f"tasks__{task}__head": kind})
    assert params["tasks"][task]["head"] in HEADS
    heads = {key: json.loads(run)["tasks"] for key, run in tiny.plan().items()}
    assert heads["phase2/iteration_1-0"]["sst"]["head"] == ("classify" if task != "sst" else kind)
    assert heads["phase2/iteration_3-0"][task]["head"] == kind


def test_the_commands_name_each_run_once_and_in_order(tiny):
    tiny.change(seeds=[0, 3])
    runs = tiny.plan()
    commands = json.loads((tiny.root / layout.plan(PROFILE) / "commands.json").read_text())
    stages = [command["stage"] for command in commands]
    assert max(Counter(stages).values()) == 1
    assert max(Counter(command["done"] for command in commands).values()) == 1
    trained = Counter(
        c["command"].split("/runs/")[1].removesuffix(".json") for c in commands if ".train " in c["command"]
    )
    assert trained == Counter({name: 1 for name in runs})
    assert Counter(stage.split("@")[0] for stage in stages) == Counter(
        part1=8, eval_part1=8, phase1=2, eval_phase1=2, start=10, phase2=10, eval_phase2=10, report=1
    )
    place = {stage: number for number, stage in enumerate(stages)}
    assert place["phase1@tiny-sst_then_sts-3"] < place["start@tiny-iteration_3-3"] < place["phase2@tiny-iteration_3-3"]
    assert place["phase2@tiny-iteration_3-3"] < place["eval_phase2@tiny-iteration_3-3"] < place["report@tiny"]
    # A whole seed first: a run that is cut short has complete rows to show.
    assert place["eval_phase2@tiny-iteration_3-0"] < place["part1@tiny-sst-pretrain-3"]
