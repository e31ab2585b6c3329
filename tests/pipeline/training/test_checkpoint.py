"""A checkpoint holds everything that a step changes."""

from dataclasses import asdict

import pytest
import torch

from model.adamw import AdamW
from model.bert import BertConfig, MiniBert
from model.heads import HEADS, TaskShape
from model.multitask import MultitaskModel
from pipeline.training.checkpoint import (
    Progress,
    State,
    copy_tensors,
    load_checkpoint,
    read_log,
    read_progress,
    save_checkpoint,
)

CONFIG = BertConfig(
    vocab_size=10, hidden_size=4, num_layers=1, num_heads=1, intermediate_size=4, max_positions=4, num_token_types=2,
    layer_norm_eps=1e-12, hidden_dropout=0.0, attention_dropout=0.0,
)  # fmt: skip


def make_state(seed):
    """A model after two steps, of which one parameter took part in the second only."""
    torch.manual_seed(seed)
    shape = TaskShape(1, 3)
    heads = {"sst": HEADS["classify"](shape, 4, 4, 0.0)}
    model = MultitaskModel(MiniBert(CONFIG), heads, {"sst": shape}, "pooler")
    optimizer = AdamW(model.parameters(), lr=0.1)
    for number in range(2):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        if number == 0:
            model.encoder.pooler.bias.grad = None
        optimizer.step()
    return State(Progress(), model, optimizer)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    state = make_state(0)
    row = {"leg": 1, "value": 1 / 3}
    state.progress = Progress(1, 2, 3, 40, 1 / 3, 1, 999, [row], {"steps": 2.0, "loss/sst": 0.1 + 0.2})
    state.combiner = {"weights": torch.rand(3)}
    state.best, state.average = copy_tensors(make_state(2).model), copy_tensors(make_state(3).model)
    save_checkpoint(tmp_path / "checkpoint.safetensors", state, b"1\n2\n")
    other = make_state(1)
    load_checkpoint(tmp_path / "checkpoint.safetensors", other)
    assert asdict(other.progress) == asdict(state.progress)
    assert asdict(read_progress(tmp_path / "checkpoint.safetensors")) == asdict(state.progress)
    assert read_log(tmp_path / "checkpoint.safetensors") == b"1\n2\n"
    for found, expected in (
        (other.model.state_dict(), state.model.state_dict()),
        (other.best, state.best),
        (other.average, state.average),
        (other.combiner, state.combiner),
    ):
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    moments, expected = other.optimizer.state_dict()["state"], state.optimizer.state_dict()["state"]
    assert {number: values["step"] for number, values in moments.items()} == {
        number: values["step"] for number, values in expected.items()
    }
    assert {values["step"] for values in moments.values()} == {1, 2}
    for number, values in moments.items():
        assert all(torch.equal(values[name], expected[number][name]) for name in ("exp_avg", "exp_avg_sq"))


def test_a_state_without_an_optimizer_takes_the_model_alone(tmp_path):
    state, other = make_state(0), make_state(1)
    save_checkpoint(tmp_path / "c", state, b"1\n")
    other.optimizer = None
    load_checkpoint(tmp_path / "c", other)
    assert torch.equal(other.model.encoder.pooler.bias, state.model.encoder.pooler.bias)


def test_copied_tensors_stay_when_the_model_moves_on():
    state = make_state(0)
    copied = copy_tensors(state.model)
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.add_(1)
    name = "encoder.pooler.weight"
    torch.testing.assert_close(state.model.state_dict()[name] - 1, copied[name])


def test_no_checkpoint_is_no_progress(tmp_path):
    assert read_progress(tmp_path / "c") is None
    (tmp_path / "c").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match="c: not a checkpoint"):
        read_progress(tmp_path / "c")


@pytest.mark.parametrize("place", ["progress", "optimizer steps", "model", "optimizer", "best", "large"])
def test_one_flipped_bit_ends_the_run_and_not_its_numbers(tmp_path, place):
    state = make_state(0)
    state.progress, state.best = Progress(total_steps=999), copy_tensors(state.model)
    state.best["large"] = torch.arange(5000.0)
    path = tmp_path / "work" / "checkpoint.safetensors"
    save_checkpoint(path, state, b"events")
    tensors = {
        "model": state.model.encoder.pooler.bias,
        "optimizer": state.optimizer.state_dict()["state"][0]["exp_avg"],
        "best": state.best["encoder.pooler.weight"],
        "large": state.best["large"][:500],  # within its first page
    }
    texts = {"progress": b"999", "optimizer steps": b'\\"1\\": 2'}
    needle = texts[place] if place in texts else tensors[place].detach().numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.rindex(needle) + len(needle) - 1] ^= 1
    path.write_bytes(content)
    for read in (read_progress, lambda path: load_checkpoint(path, make_state(1))):
        with pytest.raises(ValueError, match=f"{path}: damaged: .*`rm -r {path.parent}` begins the run anew"):
            read(path)
