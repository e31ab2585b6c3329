"""The plan: what it refuses, what its index and its commands say, and that it appears whole or not at all."""

import json
from collections import Counter

import pytest

from model.combine import COMBINERS
from model.heads import HEADS
from model.reading import joined
from model.registry import Registry
from pipeline.config.choices import find_choice_faults, shorten
from pipeline.config.params import load_params
from pipeline.config.plan import make_index, write_plan
from pipeline.config.selection import find_missing_tasks, list_rows, row_tasks
from pipeline.evaluation.metrics import METRICS
from pipeline.files.atomic import read_json, write_json
from pipeline.files.digest import hash_folder
from pipeline.runs import layout
from tests.tiny import ENCODER, PROFILE, REPOSITORY

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
    assert rows == [*SHIPPED.rows, *SHIPPED.averages]
    assert {row["control"] for row in index["phase2"]} <= {None, *rows}
    assert index["figures"]["phase2"] in rows and index["figures"]["phase1"] in [row["row"] for row in index["phase1"]]
    assert list(find_choice_faults(SHIPPED)) == list(find_missing_tasks(SHIPPED, profile)) == []


def test_the_index_has_table_1s_rows_with_the_papers_values():
    part1 = {row["row"]: row for row in make_index(SHIPPED, "paper")["part1"]}
    assert set(part1) == {"sst_pretrain", "sst_finetune", "cfimdb_pretrain", "cfimdb_finetune"}
    assert part1["cfimdb_finetune"] == {"row": "cfimdb_finetune", "tasks": ["cfimdb"], "paper": {"cfimdb": 0.967}}


def test_a_row_that_trains_fewer_tasks_than_it_evaluates_lists_all():
    every = SHIPPED.model_copy(update={"rows": list(SHIPPED.iterations)})
    rows = {row["row"]: row for row in make_index(every, "sample")["phase2"]}
    assert rows["baseline_sst_only"]["tasks"] == ["sst", "para", "sts"]
    assert rows["baseline"]["tasks"] == ["sst", "para", "sts"], "in the order of params.yaml, not of the schedule"


ALL = ["sst", "para", "sts"]
PAIRS = {"start": "sst_then_sts", "schedule": [{"tasks": ALL, "epochs": 1}]}
FAULTS = [
    # choices: names and options that are not there, kinds that do not fit
    ({"iterations__iteration_1__heads": {"sts": "cosine"}}, ["iterations.iteration_1.heads.sts", "'cosine'"]),
    ({"iterations__iteration_1__heads": {"sts": "pair_classify"}}, ["iterations.iteration_1.heads.sts"]),
    ({"phase1__sst_then_sts__heads": {"sst": "pair_classify"}}, ["phase1.sst_then_sts.heads.sst", "'pair_classify'"]),
    ({"tasks__para__head": "classify"}, ["tasks.para.head", "'classify'", "pair_classify"]),
    ({"tasks__sts__head": "classify"}, ["tasks.sts.head", "cosine_similarity, ", " pair_regression"]),
    ({"tasks__sst__head": {"classify": {"depth": 3}}}, ["tasks.sst.head.classify", "'depth'"]),
    ({"tasks__sst__metric": "pearson"}, ["tasks.sst.metric", "'pearson'", "accuracy"]),
    ({"tasks__sts__metric": "accuracy"}, ["tasks.sts.metric", "'accuracy'", "pearson"]),
    (
        {"iterations__new": {"schedule": [{"tasks": ["sst", "sts"], "epochs": 1, "combine": "surgery"}]}},
        ["iterations.new.schedule.0.combine", "'surgery'", ", ".join(COMBINERS)],
    ),
    (
        {"iterations__new": {"schedule": [{"tasks": ["sst", "sts"], "epochs": 1, "combine": {"pcgrad": {"c": 1}}}]}},
        ["iterations.new.schedule.0.combine.pcgrad", "'c'"],
    ),
    (
        {"iterations__new": {"schedule": [{"tasks": ["sst"], "epochs": 1, "encoder": "frozen", "combine": "pcgrad"}]}},
        ["iterations.new.schedule.0.combine", "frozen", "sum"],
    ),
    (
        {"iterations__iteration_3__train": {"mixing": {"sampled": {"exponent": 0.5}}}},
        ["iterations.iteration_3.schedule.0.combine: a step of mixing sampled has one gradient", "allowed: sum"],
    ),
    ({"train__mixing": {"sampled": {"num_epochs": 3}}}, ["train.mixing.sampled: option 'num_epochs' is unknown"]),
    ({"train__pooling": "max"}, ["train.pooling", "'max'", "mean, pooler, own"]),
    ({"tasks__sst__head": "joined_classify"}, ["tasks.sst.head", "'joined_classify'", "classify"]),
    ({"profiles__paper__train__mixing": "some"}, ["profiles.paper.train.mixing", "'some'", "repeat"]),
    ({"part1__tasks__sst__train": {"learning_rate_schedule": "up"}}, ["part1.tasks.sst.train", "'up'", "constant"]),
    ({"train__rates": {"layerwise": {"decay": 2.0}}}, ["train.rates.layerwise", "'decay' is 2.0", "at most 1"]),
    ({"train__average": "median"}, ["train.average", "'median'", "ema, swa"]),
    ({"part1__modes__finetune__train": {"regulariser": "l3"}}, ["part1.modes.finetune.train.regulariser", "'l3'"]),
    ({"phase1__sst_then_sts__train": {"pooling": {"mean": {"x": 1}}}}, ["phase1.sst_then_sts.train.pooling", "'x'"]),
    ({"encoders__tiny_random__pooling": "own"}, ["encoders.tiny_random.pooling", "'own'", "mean"]),
    ({"encoders__tiny_random__activation": "swish"}, ["encoders.tiny_random.activation", "'swish'", "gelu"]),
    # tasks that the profile lacks
    ({"profiles__tiny__tasks": ALL, "profiles__tiny__data__sizes__cfimdb": None}, ["part1.tasks.cfimdb", "sst, para"]),
    ({"profiles__tiny__tasks": ["sst", "cfimdb"], "profiles__tiny__data__sizes": {}}, ["iteration_1: ", "para, sts"]),
    # a row and what it starts from
    ({"iterations__new": PAIRS | {"heads": {"sts": "pair_regression"}}}, ["new.heads.sts", "cosine_similarity"]),
    ({"iterations__new": PAIRS | {"heads": {"sts": "shared_pair_regression"}}}, ["new.heads.sts", "cosine_similarity"]),
    ({"iterations__new": PAIRS | {"train": {"pooling": "mean"}}}, ["new.train.pooling: mean", "trains pooler"]),
    ({"iterations__new": PAIRS | {"train": {"head_width": 8}}}, ["new.train.head_width: 8", "trains 32"]),
    ({"phase1__sst_then_sts__train": {"pooling": "cls"}}, ["iteration_2.train.pooling", "iteration_3.train.pooling"]),
    # what needs another option
    ({"iterations__iteration_1__train": {"patience": 2, "keep": "last"}}, ["iteration_1.train.patience", "keep: last"]),
    ({"iterations__iteration_1__train": {"world_size": 9}}, ["iteration_1.train.world_size: 9", "batch_size, 8"]),
    # what nothing says
    ({"iterations__iteration_1__train": {"pooling": "own"}}, ["iteration_1.train.pooling", "encoders.tiny_random"]),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[str(change)[:70] for change, _ in FAULTS])
def test_what_does_not_fit_leaves_no_plan(tiny, change, said):
    tiny.change(**change)
    with pytest.raises(ValueError) as error:
        write_plan(tiny.params, PROFILE, tiny.root)
    assert [part for part in ["params.yaml", *said] if part not in str(error.value)] == [], error.value
    assert not (tiny.root / layout.plan(PROFILE)).exists()


def test_all_faults_are_told_at_once(tiny):
    tiny.change(train__pooling="max", tasks__sst__metric="pearson", tasks__sts__head="classify", part1__tasks__para={})
    tiny.change(profiles__tiny__tasks=["sst", "sts", "cfimdb"], profiles__tiny__data__sizes__para=None)
    with pytest.raises(ValueError) as error:
        tiny.plan()
    lines, rows = str(error.value).splitlines(), list_rows(tiny.params)
    assert len(set(lines)) == len(lines) == 3 + 1 + sum("para" in row_tasks(row) for row in rows.values())


def test_a_row_with_another_encoder_than_its_start_is_refused(tiny):
    tiny.add_encoder("other")
    tiny.change(iterations__new=PAIRS | {"encoder": "other"})
    tiny.prepare()
    with pytest.raises(ValueError, match="new.encoder: other, but its start sst_then_sts trains tiny_random"):
        tiny.plan()


def test_a_row_that_joins_pairs_needs_an_encoder_with_two_token_types(tiny):
    tiny.change(iterations__new={"schedule": [{"tasks": ["para"], "epochs": 1}], "heads": {"para": "joined_classify"}})
    tiny.plan()
    path = tiny.root / layout.encoder(PROFILE, ENCODER) / "config.json"
    write_json(path, read_json(path) | {"type_vocab_size": 1})
    with pytest.raises(ValueError, match=r"new\.heads\.para: joined_classify: .*the encoder tiny_random has 1"):
        tiny.plan()
    tiny.change(iterations__new=None)
    tiny.plan()


def test_what_a_head_takes_is_a_file_of_model_reading(tiny, monkeypatch):
    for name, takes, said in (
        ("pair_classify", "joined", r"pair_classify.py: it takes 'joined'; allowed: .*sentences, .*joined, .*pair"),
        ("classify", joined, r"model/heads/classify.py: it takes 'model.reading.joined'; allowed: [\w.]*sentences$"),
    ):
        with monkeypatch.context() as patch, pytest.raises(ValueError, match=said):
            patch.setattr(HEADS[name], "takes", takes, raising=False)
            tiny.plan()


def test_options_at_their_defaults_are_left_out(tmp_path, monkeypatch):
    folder = tmp_path / "fake_methods"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "cagrad.py").write_text("def combine(gramian, *, c: float = 1.0, rescale: bool = True): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("fake_methods", "combine")
    assert shorten(registry, {"cagrad": {"c": 1, "rescale": True}}) == "cagrad"
    shortened = shorten(registry, {"cagrad": {"c": 2, "rescale": True}})
    assert shortened == {"cagrad": {"c": 2.0}} and type(shortened["cagrad"]["c"]) is float


def test_a_head_and_a_metric_that_do_not_say_what_they_fit_are_named_by_their_files(tiny, monkeypatch):
    for entry, attribute, file in (
        (HEADS["classify"], "labels", "model/heads/classify.py: its labels is 'numbers'; allowed: classes, scores"),
        (METRICS["accuracy"], "LABELS", "pipeline/evaluation/metrics/accuracy.py: its LABELS is None"),
    ):
        with monkeypatch.context() as patch, pytest.raises(ValueError, match=file):
            patch.setattr(entry, attribute, "numbers" if attribute == "labels" else None)
            tiny.plan()


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


def test_a_row_and_its_control_choose_their_epochs_by_one_rule(tiny):
    tiny.change(iterations__iteration_3__train={"keep": "best_on_dev"})
    with pytest.raises(ValueError, match=r"iteration_3\.train\.keep: best_on_dev, but its control .* has best"):
        tiny.plan()
    tiny.change(iterations__iteration_2__train={"keep": "best_on_dev"}, iterations__iteration_2__control=None)
    tiny.plan()
