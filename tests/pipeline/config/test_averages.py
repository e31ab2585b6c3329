"""Rows that average others: what their run files say, what changes these, and what is refused."""

import json

import pytest

from pipeline.config.plan import make_index
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.index import find_row, list_planned
from tests.tiny import PROFILE

ALL = ["sst", "para", "sts"]
LEGS = [{"tasks": ALL, "epochs": 1}]
ENSEMBLE = {"average": "outputs", "of": ["iteration_3", "iteration_2"], "control": "iteration_3"}
SOUP = ENSEMBLE | {"average": "weights"}


def read(content):
    return json.loads(content)


def test_an_average_adds_its_run_file_and_changes_no_other(tiny):
    before = tiny.plan()
    tiny.change(iterations__ensemble=ENSEMBLE)
    after = tiny.plan()
    assert {name: content for name, content in after.items() if name in before} == before
    assert set(after) - set(before) == {"average/ensemble-0"}
    run, members = read(after["average/ensemble-0"]), [read(before[f"phase2/iteration_{n}-0"]) for n in (2, 3)]
    assert [(member["row"], member["seed"]) for member in run["members"]] == [("iteration_2", 0), ("iteration_3", 0)]
    for found, member in zip(run["members"], members, strict=True):
        assert {name: task["head"] for name, task in found["tasks"].items()} == {
            name: task["head"] for name, task in member["tasks"].items()
        }
        assert found["train"] == {key: member["train"][key] for key in found["train"]}
    assert run["schedule"] == [] and "start" not in run and run["tasks"] == members[0]["tasks"]
    assert "learning_rate" not in run["train"] and run["packages"] == members[0]["packages"]
    code = set(run["code"])
    assert "pipeline.evaluation.averaging.predict_mean" in code and "pipeline.training.loop.Training" not in code


def test_a_changed_head_option_is_another_average_and_a_changed_rate_is_in_its_members_weights_alone(tiny):
    tiny.change(iterations__one={"schedule": LEGS}, iterations__ensemble={"average": "outputs", "of": ["one"]})
    before = tiny.plan()["average/ensemble-0"]
    tiny.change(iterations__one={"schedule": LEGS, "train": {"learning_rate": 1e-4}})
    assert tiny.plan()["average/ensemble-0"] == before
    tiny.change(iterations__one={"schedule": LEGS, "train": {"pooling": "mean"}})
    assert tiny.plan()["average/ensemble-0"] != before
    tiny.change(iterations__one={"schedule": LEGS, "heads": {"sts": "pair_regression"}})
    assert tiny.plan()["average/ensemble-0"] != before


def test_an_average_has_the_seeds_that_all_its_rows_have_or_is_of_all_seeds_together(tiny):
    tiny.change(seeds=[5, 3, 4], profiles__tiny__num_seeds={"iteration_2": 2})
    tiny.change(iterations__ensemble=ENSEMBLE, iterations__soup=SOUP | {"over": "seeds"})
    runs = {name: read(content) for name, content in tiny.plan().items() if name.startswith("average/")}
    members = {
        name: [(member["row"], member["seed"]) for member in run["members"]]
        for name, run in runs.items() if "skipped" not in run
    }  # fmt: skip
    assert members == {
        "average/ensemble-5": [("iteration_2", 5), ("iteration_3", 5)],
        "average/ensemble-3": [("iteration_2", 3), ("iteration_3", 3)],
        "average/soup-5": [
            ("iteration_2", 3), ("iteration_2", 5), ("iteration_3", 3), ("iteration_3", 4), ("iteration_3", 5),
        ],
    }  # fmt: skip
    assert runs["average/soup-3"]["skipped"] == "all seeds together" and "skipped" in runs["average/ensemble-4"]
    index = make_index(tiny.params, PROFILE)
    assert [row["row"] for row in index["phase2"]][-2:] == ["ensemble", "soup"]
    row = find_row(index, "average", "ensemble")
    assert (row["seeds"], row["keep"], row["tasks"], row["average"]) == ([5, 3], "best", ALL, "outputs")
    planned = [slot for slot in list_planned(index) if slot[0] == "average"]
    assert planned == [("average", "ensemble", 5), ("average", "ensemble", 3), ("average", "soup", 5)]


def test_the_commands_make_an_average_after_all_that_it_is_of(tiny):
    tiny.change(seeds=[0, 1], iterations__soup=SOUP | {"over": "seeds"})
    tiny.plan()
    stages = [command["stage"] for command in read_json(tiny.root / layout.plan(PROFILE) / "commands.json")]
    expected = ["members@tiny-soup-0", "average@tiny-soup-0", "eval_average@tiny-soup-0", "report@tiny"]
    assert stages[-4:] == expected and "phase2@tiny-iteration_3-1" in stages[:-4]


OTHER = {"iterations__other": {"schedule": LEGS, "train": {"pooling": "mean"}}}
FAULTS = [
    # what is no average
    ({"iterations__new": {"of": ["iteration_2"]}}, ["iterations.new: `of` and `over`", "average: weights"]),
    ({"iterations__new": {"schedule": LEGS, "over": "seeds"}}, ["iterations.new: `of` and `over`"]),
    ({"iterations__new": {"tasks": ALL}}, ["iterations.new: schedule: missing"]),
    ({"iterations__new": {"average": "weights"}}, ["iterations.new: an average says of which rows: `of: [...]`"]),
    ({"iterations__new": SOUP | {"average": "logits"}}, ["iterations.new.average", "'outputs' or 'weights'"]),
    ({"iterations__new": SOUP | {"over": "rows"}}, ["iterations.new.over", "'seeds'"]),
    ({"iterations__new": SOUP | {"of": []}}, ["iterations.new.of", "at least 1"]),
    (
        {"iterations__new": SOUP | {"schedule": LEGS, "start": "encoder"}},
        ["iterations.new: an average trains nothing, so it has no schedule, start; allowed: average, control, note"],
    ),
    # its rows
    ({"iterations__new": SOUP | {"of": ["iteration_9"]}}, ["iterations.new.of: 'iteration_9'", "iteration_3"]),
    ({"iterations__new": SOUP | {"of": ["iteration_2"] * 2}}, ["iterations.new.of: 'iteration_2' is there twice"]),
    (
        {"iterations__soup": SOUP, "iterations__new": ENSEMBLE | {"of": ["soup"]}},
        ["iterations.new.of: 'soup' is unknown; allowed: baseline_frozen_after_sst"],
    ),
    (
        {"iterations__new": SOUP, "rows": ["baseline", "iteration_1", "iteration_2", "iteration_3"]}
        | {"iterations__new": SOUP | {"of": ["baseline_frozen_after_sst"]}},
        ["averages: new is an average of baseline_frozen_after_sst, which does not run; allowed: baseline, iter"],
    ),
    ({"iterations__new": SOUP, "rows": ["iteration_2", "new"]}, ["rows: 'new' is unknown"]),
    ({"averages": ["iteration_2"]}, ["averages: 'iteration_2' is unknown"]),
    (
        {"iterations__new": SOUP | {"control": "baseline", "of": ["iteration_1"]}, "rows": ["iteration_1"]}
        | {"iterations__iteration_1__control": None},
        ["averages: new is compared with its control baseline, which is not among them"],
    ),
    # what does not fit together
    (
        {"iterations__new": SOUP | {"of": ["iteration_1", "iteration_2"]}},
        ["iterations.new.of: heads.sts: iteration_1 has pair_regression, iteration_2 has cosine_similarity", "weights"],
    ),
    (
        {"iterations__other": {"schedule": LEGS}, "iterations__new": SOUP | {"of": ["iteration_2", "other"]}},
        ["iterations.new.of: start: iteration_2 has sst_then_sts, other has encoder"],
    ),
    (
        OTHER | {"iterations__new": SOUP | {"of": ["iteration_2", "other"]}},
        ["iterations.new.of: train.pooling: iteration_2 has pooler, other has mean", "new.of: start"],
    ),
    (
        {"iterations__other": {"schedule": [*LEGS, {"tasks": ["cfimdb"], "epochs": 1}]}}
        | {"iterations__new": ENSEMBLE | {"of": ["iteration_2", "other"]}},
        ["iterations.new.of: tasks: iteration_2 has para, sst, sts, other has cfimdb, para, sst, sts"],
    ),
    (
        {"iterations__new": SOUP, "seeds": [0, 1, 2], "profiles__tiny__num_seeds": {"new": 3, "iteration_2": 2}},
        ["profiles.tiny.num_seeds.new: 3; allowed: at most 2"],
    ),
    (
        {"iterations__other": {"schedule": LEGS, "train": {"keep": "last"}}}
        | {"iterations__new": ENSEMBLE | {"of": ["iteration_2", "other"]}},
        ["iterations.new.train.keep: last, but its control iteration_3 has best"],
    ),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[str(said) for _, said in FAULTS])
def test_what_does_not_fit_is_refused(tiny, change, said):
    tiny.change(**change)
    with pytest.raises(ValueError) as error:
        tiny.plan()
    assert [part for part in said if part not in str(error.value)] == [], error.value
    assert not (tiny.root / layout.plan(PROFILE)).exists()


def test_outputs_may_be_of_other_heads_and_starts_but_not_of_another_encoder(tiny):
    tiny.change(iterations__new=ENSEMBLE | {"of": ["iteration_1", "iteration_2"]})
    tiny.plan()
    tiny.add_encoder("other", pooling="mean")
    tiny.change(iterations__other={"schedule": LEGS, "encoder": "other"})
    tiny.prepare()
    tiny.change(iterations__new=ENSEMBLE | {"of": ["iteration_1", "other"]})
    with pytest.raises(ValueError, match=r"new\.of: encoder: iteration_1 has tiny_random, other has other"):
        tiny.plan()
