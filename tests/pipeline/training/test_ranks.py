"""One training on several processes: it comes to the weights of one process, and ends and resumes as one does."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.gradients import TaskGradients
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.training.begin import train
from pipeline.training.checkpoint import read_progress
from pipeline.training.ranks import Ranks
from tests.pipeline.training.conftest import LEGS, list_hidden, read_results
from tests.pipeline.training.steps import NONE, TASKS, make_optimizer
from tests.tiny import REPOSITORY

ODD = {"batch_size": 5, "keep": "last", "log_every": 1, **NONE}  # so that the shares are uneven: 3 and 2
CARE = {
    "accumulate": 2, "average": {"ema": {"decay": 0.5}}, "clip_norm": 1.0, "mixout": 0.2, "weight_decay": 0.1,
    "regulariser": "r_drop", "rates": {"gradual_unfreezing": {"fraction": 0.8}},
}  # fmt: skip
FEW = {"mixing": {"token_budget": {"tokens": 24}}}


@pytest.fixture(autouse=True)
def excepthook(monkeypatch):
    """Put back after each test: torch sets one that begins every line with the rank."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


@pytest.fixture
def one_thread():
    """For one process too: several round in another way, and so few examples make that large."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train_with(tiny, size, schedule, keys):
    run = tiny.add_row(schedule, train={**keys, "world_size": size})
    train(run)
    curves = {name: dict(points) for name, points in read_results(tiny, run)["metrics"].items()}
    return load_file(tiny.model(run) / "weights.safetensors"), curves


@pytest.mark.parametrize(
    ("schedule", "keys", "alone"),
    [
        ([{"tasks": list(TASKS), "epochs": 3}], ODD, {}),
        ([{"tasks": list(TASKS), "epochs": 3, "combine": "pcgrad", "loss_weights": {"sts": 0.5}}], ODD, {}),
        ([{**LEGS[1], "epochs": 2}, {**LEGS[2], "combine": "uncertainty"}], ODD | CARE, {}),
        # Of one example the second rank has no share. So few in a batch make rounding large; parts round as ranks do.
        ([{"tasks": list(TASKS), "epochs": 1}], ODD | FEW, {"accumulate": 2}),
    ],
    ids=["sum", "pcgrad", "care", "batches of one"],
)
def test_two_ranks_come_to_the_weights_of_one(tiny, one_thread, schedule, keys, alone):
    one, measured = train_with(tiny, 1, schedule, keys | alone)
    two, measured_by_two = train_with(tiny, 2, schedule, keys)
    assert measured["cost/steps"] == measured_by_two["cost/steps"] and sum(measured["cost/steps"].values()) >= 20
    assert one.keys() == two.keys()
    for name, weight in one.items():
        # What is added to every key changes no softmax: its gradient is 0, and rounding makes it.
        if not name.endswith("key.bias"):
            torch.testing.assert_close(two[name], weight, rtol=0, atol=1e-5, msg=name)
    for name, points in measured.items():
        assert measured_by_two[name] == pytest.approx(points, rel=1e-3, abs=1e-4), name


@pytest.mark.parametrize("drawn", [{}, {"augmentation": {"eda": {"swap": 0.5}}, **NONE}], ids=["dropout", "eda"])
def test_every_rank_draws_for_itself(tiny, drawn):
    losses = []
    for rank in (None, 0, 1):
        optimizer, data = make_optimizer(tiny, [{"tasks": ["sst"], "epochs": 1}], **drawn)
        optimizer.rank = optimizer.rank if rank is None else rank
        losses.append(optimizer.step({"sst": data["sst"].train_indices[:8]}, 0, 0)["loss/sst"])
    assert losses[0] == losses[1] != losses[2]


def test_a_run_of_one_process_has_no_word_of_ranks(tiny):
    specs = [read_json(tiny.add_row(LEGS, train={"world_size": size}).path) for size in (1, 2)]
    assert ["world_size" in spec["train"] for spec in specs] == [False, True]
    assert [any("training.ranks" in name for name in spec["code"]) for spec in specs] == [False, True]
    program = "import sys, stages.train, pipeline.training.loop; sys.exit('pipeline.training.ranks' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0


def test_a_rank_that_never_begins_ends_the_training(tiny, capfd):
    run = replace(tiny.add_row(LEGS, train={"world_size": 3}), key="0" * 64)
    with pytest.raises(ChildProcessError, match=r"of the ranks 0 to 2 .* too early: .*exit code 1"):
        train(run)
    assert "rank 0 has read another one" in capfd.readouterr().err
    assert torch.get_num_threads() >= 1 and not torch.distributed.is_initialized()


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_when_a_rank_is_killed_all_end_and_the_same_command_resumes(tiny, monkeypatch):
    monkeypatch.setenv("BERTY_CHECKPOINT_SECONDS", "0")
    run = tiny.add_row([{**leg, "epochs": 2 * leg["epochs"]} for leg in LEGS], train={"world_size": 2})
    path, num_steps = layout.work(run.key) / "checkpoint.safetensors", 0
    train(run)
    expected = read_results(tiny, run)
    for folder in (tiny.model(run), tiny.record(run)):
        shutil.rmtree(folder)
    for killed in (1, 0):
        first = call(run)
        while not path.exists() or read_progress(path).total_steps == num_steps:
            assert first.poll() is None, first.stderr.read()
            time.sleep(0.01)
        (second,) = map(int, Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split())
        assert {name for pid in (first.pid, second) for name in listening(pid)} == {"0100007F"}  # 127.0.0.1
        os.kill((first.pid, second)[killed], signal.SIGKILL)
        said = first.communicate()[1].splitlines()
        if killed == 1:
            assert first.returncode == 1
            assert said[-1].startswith("train: of the ranks 0 to 1 of this training ended too early: 1 (signal 9)")
        while Path(f"/proc/{second}").exists():
            time.sleep(0.01)
        num_steps = read_progress(path).total_steps
        assert num_steps < expected["metrics"]["cost/steps"][0][1]
    train(run)
    assert read_results(tiny, run) == expected
    assert read_json(tiny.record(run) / "record.json")["tags"]["num_resumed"] == "2"
    assert not layout.work(run.key).exists() and list_hidden(tiny.root) == []


def call(run):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "BERTY_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-m", "stages.train", "--run", str(run.path)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )


def listening(pid):
    """The addresses of this machine on which a process listens, as the kernel writes them."""
    mine = {os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir() if file.exists() or file.is_symlink()}
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return [line[1].partition(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in mine]


def test_rows_of_word_embeddings_are_added_where_only_one_rank_has_them(monkeypatch):
    """Without processes: the other rank's numbers are added by hand."""
    embedding = torch.nn.Embedding(6, 2)
    sides = [TaskGradients([embedding.weight], 1, embedding) for _ in range(2)]
    for side, words in zip(sides, ([1, 4], [4, 0, 0]), strict=True):
        side.backward(0, embedding(torch.tensor(words)).sum() * len(words))
    own, other = (side.rows_K[0].to_dense() for side in sides)

    def all_reduce(tensor, op=torch.distributed.ReduceOp.SUM):
        if tensor.dtype == torch.uint8:
            tensor.copy_(torch.tensor([[1, 1, 0, 0, 1, 0]]))
        elif tensor.dtype == torch.float32 and tensor.numel():
            tensor += other[[0, 1, 4]].flatten()

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    Ranks(0, 2, torch.device("cpu")).sum_(sides[0], 1, [], {})
    torch.testing.assert_close(sides[0].rows_K[0].to_dense(), own + other)
    assert sides[0].rows_K[0].indices().tolist() == [[0, 1, 4]]
