"""The training loop: what is trained, what is kept, and what a run leaves behind."""

import math
from functools import partial

import pytest
import torch

from model.heads.classify import Head as Classify
from model.packing import pack
from pipeline.data.token_files import read_tokens
from pipeline.evaluation.saved_model import build_model, load_model
from pipeline.files.atomic import read_json
from pipeline.files.digest import derive_seed, hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.record import read_record
from pipeline.training import loop
from pipeline.training.batches import choose
from pipeline.training.begin import train
from pipeline.training.mixing import MIXINGS
from pipeline.training.run_record import HISTORY_COLUMNS
from pipeline.training.sources.finetuned import Source as FineTuned
from tests.pipeline.training.conftest import LEGS, read_history, read_results
from tests.tiny import ENCODER, PROFILE

SUM = {"tasks": ["sst", "para", "sts"], "epochs": 1}
FIRST = {"tasks": ["sst"], "epochs": 1}


def test_three_tasks_by_sum_equal_a_plain_loop(tiny):
    plain = {"head_dropout": 0.0, "encoder_dropout": 0.0, "adamw_form": "torch", "weight_decay": 0.05, "keep": "last"}
    run = tiny.add_row([SUM], train=plain)
    train(run)
    spec = run.spec
    model, keys = build_model(spec, spec["seed"]), spec["train"]
    model.eval()  # no dropout is left to turn off
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=keys["learning_rate"], betas=(keys["beta1"], keys["beta2"]), eps=keys["eps"],
        weight_decay=keys["weight_decay"],
    )  # fmt: skip
    tokens = {task: read_tokens(description["tokens"]["train"]) for task, description in spec["tasks"].items()}
    num_examples = {task: split.num_examples for task, split in tokens.items()}
    batches = MIXINGS["repeat"](num_examples, 8, seed=derive_seed(0, "phase2"), leg=0, epoch=0)
    assert len(batches) == 5
    for batch in batches:
        total = 0
        for task, split in tokens.items():
            indices = batch[task]
            output = model(task, pack(split.sentences(indices)))
            total = total + model.heads[task].loss(output, torch.from_numpy(split.labels[indices]))
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    trained, _ = load_model(tiny.model(run))
    before, expected, found = build_model(spec, 0).state_dict(), model.state_dict(), trained.state_dict()
    # A bias of all keys moves no softmax: its gradient is rounding, which AdamW makes as large as any other.
    compared = [name for name in expected if not name.endswith("attention.key.bias")]
    for name in compared:
        torch.testing.assert_close(found[name], expected[name], atol=2e-6, rtol=1e-5)
        assert (expected[name] - before[name]).abs().max() > 1e-3  # it has moved


@pytest.mark.parametrize("mode", ["finetune", "pretrain"])
def test_a_single_task_lowers_its_loss(tiny, mode):
    tiny.change(profiles__tiny__part1_epochs=8, train__head_dropout=0.0, profiles__tiny__train__log_every=1)
    tiny.change(part1__tasks__sst__train={"batch_size": 8})
    tiny.plan()
    run = tiny.run("part1", f"sst_{mode}")
    train(run)
    losses = [value for _, _, value in read_record(tiny.record(run) / "record.json")["metrics"]["loss/sst"]]
    assert len(losses) == 8 * 3
    assert sum(losses[-3:]) < 0.95 * sum(losses[:3])


def test_a_loss_that_is_not_finite_ends_the_run_with_its_place(tiny, monkeypatch):
    losses, loss = [], Classify.loss

    def spoil(self, output, labels):
        losses.append(1)
        return loss(self, output, labels) * (math.nan if len(losses) == 5 else 1)

    monkeypatch.setattr(Classify, "loss", spoil)
    run = tiny.add_row([{"tasks": ["sst"], "epochs": 2}])
    said = r"the loss of sst is nan at leg 1, epoch 2, step 2, learning rate 0\.001: a lower learning rate may help"
    with pytest.raises(FloatingPointError, match=said):
        train(run)
    assert not tiny.model(run).exists() and not tiny.record(run).exists()


def test_weights_that_the_last_step_spoilt_are_not_left(tiny, steps):
    def watch(optimizer):
        if len(steps.taken) == 2:
            optimizer.state.optimizer.param_groups[0]["weight_decay"] = math.inf

    steps.watch = watch
    run = tiny.add_row([FIRST])
    with pytest.raises(FloatingPointError, match=r"is not finite after the last step"):
        train(run)
    assert not tiny.model(run).exists() and not tiny.record(run).exists()


def test_token_files_other_than_the_run_file_says_are_refused(tiny):
    run = tiny.add_row([FIRST])
    labels = tiny.root / layout.tokens(PROFILE, ENCODER) / "sst" / "dev" / "labels.npy"
    labels.write_bytes(labels.read_bytes()[:-1] + b"\x41")
    with pytest.raises(ValueError, match=r"tokens/tiny_random/sst/dev: its hash is \w+, the run file says"):
        train(run)


def test_a_run_leaves_its_record_and_its_history(tiny):
    run = tiny.add_row(LEGS, train={"log_every": 2, "keep": "last"})
    train(run)
    record = read_record(tiny.record(run) / "record.json")
    assert (record["kind"], record["phase"], record["row"], record["seed"]) == ("training", "phase2", "new", 0)
    assert (record["status"], record["run_key"]) == ("finished", run.key)
    pairs = ("sst_para", "sst_sts", "para_sts")
    curves = {
        f"{split}/{key}" for split in ("train", "dev") for key in ("sst.accuracy", "para.accuracy", "sts.pearson")
    }
    assert set(record["metrics"]) == curves | {
        *(f"{kind}{task}" for kind in ("loss/", "gradients/norm.") for task in ("sst", "para", "sts")),
        *(f"cost/{kind}" for kind in ("steps", "tokens", "seconds")),
        *(f"gradients/{kind}.{pair}" for kind in ("cosine", "conflict") for pair in pairs),
        *(f"kept_epoch/leg_{leg}" for leg in (1, 2, 3)),
        "learning_rate",
        "tokens_per_second",
    }
    steps = {name: [step for step, _, _ in points] for name, points in record["metrics"].items()}
    assert steps["dev/sst.accuracy"] == [3, 6, 16, 21]
    assert steps["dev/para.accuracy"] == [11, 16, 21]
    assert steps["loss/para"] == [8, 10, 11, 12, 14, 16, 18, 20, 21]  # every 2 steps and at an epoch's end
    assert steps["loss/sst"] == [2, 3, 4, 6, 12, 14, 16, 18, 20, 21]
    assert steps["gradients/cosine.sst_para"] == [12, 14, 16, 18, 20, 21]
    assert steps["learning_rate"] == steps["tokens_per_second"] == sorted({*steps["loss/sst"], *steps["loss/para"]})
    conflicts = [value for _, _, value in record["metrics"]["gradients/conflict.sst_para"]]
    assert set(conflicts) <= {0.0, 0.5, 1.0}
    assert all(-1 <= value <= 1 for _, _, value in record["metrics"]["gradients/cosine.para_sts"])
    datasets = {dataset["name"]: dataset for dataset in record["datasets"]}
    assert set(datasets) == {
        "tiny_random",
        *(f"{t}-{split}" for t in ("sst", "para", "sts") for split in ("train", "dev")),
    }
    folder = layout.tokens(PROFILE, ENCODER) / "para" / "train"
    assert datasets["para-train"] == {
        "name": "para-train", "digest": hash_folder(tiny.root / folder), "source": folder.as_posix(),
        "num_examples": read_tokens(tiny.root / folder).num_examples, "context": "train",
    }  # fmt: skip
    assert record["tags"]["weights_sha256"] == hash_file(tiny.root / record["tags"]["weights"])
    assert record["artifacts"] == [f"{layout.training_record(*run.place)}/{name}" for name in
                                   ("history.csv", "run.json", "start.json")]  # fmt: skip
    assert all((tiny.root / path).is_file() for path in record["artifacts"])
    assert read_json(tiny.record(run) / "run.json") == read_json(run.path)
    assert record["params"]["train.learning_rate"] == 1e-3
    assert record["params"]["schedule.leg_3.combine"] == "pcgrad"

    history = read_history(tiny, run)
    assert tuple(history[0]) == HISTORY_COLUMNS
    places = [(row["leg"], row["epoch"], row["step"], row["split"], row["task"]) for row in history]
    assert places[:4] == [("1", e, s, split, "sst") for e, s in (("1", "3"), ("2", "6")) for split in ("train", "dev")]
    assert len(places) == len(set(places)) == 2 * (2 + 1 + 2 * 3)
    dev = [float(row["value"]) for row in history if (row["split"], row["task"]) == ("dev", "sts")]
    assert dev == [value for _, _, value in record["metrics"]["dev/sts.pearson"]]


def test_the_seed_alone_decides_and_another_seed_differs(tiny, monkeypatch):
    tiny.change(seeds=[0, 1])
    run = tiny.add_row([SUM])
    results = []
    for _ in range(2):
        torch.rand(3)
        train(run)
        results.append(read_results(tiny, run))
    assert results[0] == results[1]
    from pipeline.runs.run_files import read_run
    from stages import start
    from tests.tiny import call_stage

    other = layout.run_file(PROFILE, "phase2", "new", 1)
    call_stage(start, "--run", other)
    train(read_run(other))
    assert hash_file(tiny.root / layout.model(PROFILE, "phase2", "new", 1) / "weights.safetensors") != hash_file(
        tiny.model(run) / "weights.safetensors"
    )


def test_another_version_than_planned_trains_nothing_or_where_it_may_is_on_record(tiny, monkeypatch):
    run = tiny.add_row([FIRST])
    installed = {**run.spec["packages"], "torch": "2.11.0"}
    monkeypatch.setattr("pipeline.runs.versions.installed_versions", lambda: installed)
    planned = run.spec["packages"]["torch"]
    with pytest.raises(ValueError, match=rf"torch {planned} \(installed: 2.11.0\)"):
        train(run)
    assert not tiny.model(run).exists() and not (tiny.root / layout.work(run.key)).exists()
    monkeypatch.setenv("BERTY_ANY_VERSIONS", "1")
    train(run)
    assert read_record(tiny.record(run) / "record.json")["tags"]["versions"] == f"torch 2.11.0, not {planned}"


def test_a_single_task_has_no_gradients_to_compare(tiny):
    run = tiny.add_row([FIRST], train={"keep": "last"})
    train(run)
    names = set(read_record(tiny.record(run) / "record.json")["metrics"])
    assert names == {
        "loss/sst", "learning_rate", "tokens_per_second", "train/sst.accuracy", "dev/sst.accuracy", "kept_epoch/leg_1",
        "cost/steps", "cost/tokens", "cost/seconds",
    }  # fmt: skip


def test_options_of_a_run_file_reach_what_they_name(tiny, monkeypatch):
    seen = []

    def factor(step, num_steps, *, floor: float = 0.0):
        seen.append(floor)
        return 1.0

    monkeypatch.setattr("model.schedules.constant.factor", factor)
    run = tiny.add_row([FIRST], train={"learning_rate_schedule": {"constant": {"floor": 0.25}}})
    train(run)
    assert seen == [0.25] * 6  # of the run, and of its probe
    run.spec["train"]["mixing"] = {"repeat": {"power": 1}}
    with pytest.raises(ValueError, match="option 'power' is unknown"):
        train(run)


def test_a_capped_training_set_and_the_root_argument(tiny, steps, monkeypatch, tmp_path):
    tiny.change(profiles__tiny__max_train={"sst": 9})
    tiny.plan()
    run = tiny.run("part1", "sst_finetune")
    tiny_root = tiny.root
    absolute = type(run)(tiny_root / run.path, None, run.spec, None, run.key)
    seen, output = [], FineTuned.output
    monkeypatch.setattr(
        FineTuned, "output", lambda self, task, at, *rest: seen.append(at) or output(self, task, at, *rest)
    )
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    train(absolute, tiny_root)
    assert len(steps.taken) == 2  # 2 epochs of one batch: 9 examples at 64
    num_examples = read_tokens(tiny_root / run.spec["tasks"]["sst"]["tokens"]["train"]).num_examples
    assert {tuple(sorted(indices)) for indices in seen} == {tuple(choose("train sst", num_examples, 9))}
    record = read_record(tiny.record(run) / "record.json")
    assert {d["name"]: d["num_examples"] for d in record["datasets"]}["sst-train"] == 9
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_a_progress_bar_the_run_is_the_same(tiny, undisturbed, monkeypatch):
    """TQDM_DISABLE=1, which tqdm reads when it is imported."""
    run, expected = undisturbed
    monkeypatch.setattr(loop, "tqdm", partial(loop.tqdm, disable=True))
    train(run)
    assert read_results(tiny, run) == expected
