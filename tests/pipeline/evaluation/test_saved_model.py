"""A trained model as files: it comes back bit for bit, or not at all."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.packing import pack
from pipeline.evaluation.saved_model import WORDS, build_model, fill_model, load_model, save_model
from pipeline.files.digest import hash_file
from pipeline.runs import layout
from pipeline.training.begin import train
from pipeline.training.loop import Training
from tests.tiny import ENCODER, PROFILE, SHAPE

ONE = [{"tasks": ["sst", "para", "sts"], "epochs": 1}]


@pytest.fixture
def trained(monkeypatch):
    """The models as they were in memory when their run ended, by row."""
    models, write = {}, Training._write_outputs

    def write_outputs(self):
        models[self.spec["row"]] = {name: t.clone() for name, t in self.state.model.state_dict().items()}
        write(self)

    monkeypatch.setattr(Training, "_write_outputs", write_outputs)
    return models


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    assert [name for name in found if not torch.equal(found[name], expected[name])] == []


def tensors_of(folder):
    return load_file(folder / "weights.safetensors")


@pytest.mark.parametrize("row", ["baseline", "baseline_frozen_after_sst", "iteration_1", "iteration_3"])
def test_a_fine_tuned_model_comes_back_bit_for_bit(tiny, trained, row):
    tiny.plan()
    if row == "iteration_3":  # from phase 1
        train(tiny.run("phase1", "sst_then_sts"))
    run = tiny.start(row)
    train(run)
    model, description = load_model(tiny.model(run))
    assert_same(model.state_dict(), trained[row])
    assert description["run_key"] == run.key and set(description["tasks"]) == {"sst", "para", "sts"}
    assert {path.name for path in tiny.model(run).iterdir()} == {"weights.safetensors", "model.json", "vocab.txt"}
    vocab = tiny.root / layout.encoder(PROFILE, ENCODER) / "vocab.txt"
    assert hash_file(tiny.model(run) / "vocab.txt") == hash_file(vocab)


def test_a_frozen_model_holds_its_head_alone(tiny, trained):
    tiny.plan()
    run = tiny.run("part1", "cfimdb_pretrain")
    train(run)
    assert_same(load_model(tiny.model(run))[0].state_dict(), trained["cfimdb_pretrain"])
    assert {name.split(".")[0] for name in tensors_of(tiny.model(run))} == {"heads"}


def test_of_the_words_only_rows_that_changed_are_held(tiny, trained):
    tiny.plan()
    run = tiny.run("part1", "sst_finetune")
    train(run)
    tensors = tensors_of(tiny.model(run))
    pretrained = build_model(run.spec, 0).state_dict()[WORDS]
    changed = (trained["sst_finetune"][WORDS] != pretrained).any(1).nonzero().squeeze(1)
    assert 0 < len(changed) < len(pretrained)
    assert torch.equal(tensors[f"{WORDS}.rows"], changed) and WORDS not in tensors
    assert tensors[f"{WORDS}.values"].shape == (len(changed), SHAPE["hidden_size"])


@pytest.fixture
def saved(tiny):
    """A folder with a model that was never trained, and its run."""
    run = tiny.add_row(ONE)
    save_model(tiny.root / "saved", build_model(run.spec, 3), run.spec, run.key)
    return tiny.root / "saved", run


def test_new_heads_depend_on_the_seed_and_their_task_alone(tiny, saved):
    _, run = saved
    torch.rand(5)
    first, again, other = (build_model(run.spec, seed).state_dict() for seed in (3, 3, 4))
    assert_same(first, again)
    assert_same({n: t for n, t in first.items() if "encoder" in n}, {n: t for n, t in other.items() if "encoder" in n})
    assert not torch.equal(first["heads.sst.network.1.weight"], other["heads.sst.network.1.weight"])
    assert not torch.equal(first["heads.sst.network.1.weight"], first["heads.sts.network.1.weight"])
    fewer = run.spec | {"tasks": {"sts": run.spec["tasks"]["sts"]}}
    alone = build_model(fewer, 3).state_dict()
    assert_same({n: t for n, t in alone.items() if "heads" in n}, {n: t for n, t in first.items() if ".sts." in n})


SHARED = {"para": "shared_pair_classify", "sts": "shared_pair_regression"}


def test_a_pair_layer_depends_on_the_seed_alone_and_comes_back_or_not_at_all(tiny):
    run = tiny.add_row(ONE, heads=SHARED, train={"pooling": "attention"})
    first, again, other = (build_model(run.spec, seed) for seed in (3, 3, 4))
    fewer = build_model(run.spec | {"tasks": {"sts": run.spec["tasks"]["sts"]}}, 3)
    weight = first.pair_layer.linear.weight
    assert weight.shape == (SHAPE["hidden_size"], 4 * SHAPE["hidden_size"])
    for same in (again, fewer):
        assert torch.equal(weight, same.pair_layer.linear.weight)
    assert not torch.equal(weight, other.pair_layer.linear.weight)
    with torch.no_grad():
        first.pooling["query_D"] += 1
    save_model(tiny.root / "saved", first, run.spec, run.key)
    assert_same(load_model(tiny.root / "saved")[0].state_dict(), first.state_dict())
    tensors = tensors_of(tiny.root / "saved")
    for name in ("pair_layer.linear.weight", "pooling.query_D"):
        save_file(
            {other: tensors[other] for other in tensors if other != name}, tiny.root / "saved/weights.safetensors"
        )
        with pytest.raises(ValueError, match=f"weights.safetensors: no tensor for {name}"):
            load_model(tiny.root / "saved")


@pytest.mark.parametrize("tasks", [["sst"], ["sst", "sts"]])
def test_a_start_fills_the_pair_layer_where_it_has_one(tiny, tasks):
    run = tiny.add_row(ONE, heads=SHARED)
    part = run.spec | {"tasks": {task: run.spec["tasks"][task] for task in tasks}}
    left, model = build_model(part, 3), build_model(run.spec, 4)
    new = model.pair_layer.linear.weight.clone()
    save_model(tiny.root / "saved", left, part, run.key)
    fill_model(model, tiny.root / "saved/weights.safetensors", tasks)
    assert torch.equal(model.pair_layer.linear.weight, left.pair_layer.linear.weight if "sts" in tasks else new)
    if "sts" not in tasks:
        with pytest.raises(ValueError, match=r"no tensor for .*pair_layer.linear.bias"):
            fill_model(model, tiny.root / "saved/weights.safetensors", ["sst", "para"])


def test_another_encoder_is_refused(tiny, saved):
    folder, _ = saved
    weights = tiny.root / layout.encoder(PROFILE, ENCODER) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match=r"/model.safetensors: sha256 is \w{64}, expected \w{64}"):
        load_model(folder)
    weights.unlink()
    with pytest.raises(ValueError, match=r"/model.safetensors: no such file"):
        load_model(folder)


def test_a_tensor_that_the_model_has_not_is_refused(saved):
    folder, _ = saved
    tensors = tensors_of(folder)
    for name, tensor in {"heads.new.weight": torch.ones(1), "heads.sst.network.1.bias": torch.ones(3)}.items():
        save_file(tensors | {name: tensor}, folder / "weights.safetensors")
        with pytest.raises(ValueError, match=rf"weights.safetensors: tensor {name} of shape .* has no place"):
            load_model(folder)


def test_a_head_that_is_not_there_is_refused(saved):
    folder, run = saved
    tensors = tensors_of(folder)
    del tensors["heads.sts.network.4.bias"]
    save_file(tensors, folder / "weights.safetensors")
    with pytest.raises(ValueError, match=r"weights.safetensors: no tensor for heads.sts.network.4.bias"):
        load_model(folder)
    model = build_model(run.spec, 0)
    fill_model(model, folder / "weights.safetensors", ["sst"])  # the head that was asked for is there
    assert torch.equal(model.state_dict()["heads.sst.network.1.weight"], tensors["heads.sst.network.1.weight"])


def test_files_that_are_missing_or_damaged_are_named(saved):
    folder, _ = saved
    path = folder / "weights.safetensors"
    path.write_bytes(b"damaged!")
    with pytest.raises(ValueError, match="weights.safetensors: not a safetensors file"):
        load_model(folder)
    path.unlink()
    with pytest.raises(ValueError, match="weights.safetensors: no such file"):
        load_model(folder)
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match="model.json: no such file"):
        load_model(folder)


def test_weights_that_are_not_finite_are_not_saved(tiny, saved):
    folder, run = saved
    before = hash_file(folder / "weights.safetensors")
    model = build_model(run.spec, 3)
    with torch.no_grad():
        model.encoder.layers[1].output.bias[3] = torch.nan
    with pytest.raises(FloatingPointError, match=r"encoder.layers.1.output.bias is not finite"):
        save_model(folder, model, run.spec, run.key)
    assert hash_file(folder / "weights.safetensors") == before


def test_a_pair_task_of_three_classes_and_scores_on_another_scale_have_their_heads(saved):
    _, run = saved
    tasks = run.spec["tasks"]
    tasks = tasks | {"para": tasks["para"] | {"num_classes": 3}, "sts": tasks["sts"] | {"label_range": [0, 1]}}
    model = build_model(run.spec | {"tasks": tasks}, 0).eval()
    batch = pack([[2, 7, 3]] * 4)  # two equal pairs
    assert model("para", batch).shape == (2, 3)
    torch.testing.assert_close(model("sts", batch), torch.ones(2))
    with pytest.raises(ValueError, match="task sst: its head is for 2 sentences and classes, the task has 1"):
        build_model(run.spec | {"tasks": {"sst": tasks["sst"] | {"head": "pair_classify"}}}, 0)
