"""Reading published weights: both generations of names, and an error that names the file and tensor otherwise."""

import json
from dataclasses import fields

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from model.bert import BertConfig
from model.packing import pack
from model.pretrained import load_encoder, read_config

KEYS = {
    "vocab_size": 31,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.15,
    "attention_probs_dropout_prob": 0.25,
}


@pytest.fixture
def folder(tmp_path):
    """A tiny encoder as transformers writes it, every value random."""
    torch.manual_seed(0)
    model = transformers.BertModel(transformers.BertConfig(**KEYS))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    model.save_pretrained(tmp_path)
    return tmp_path


def edit_tensors(folder, edit):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def edit_config(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def old_name(name: str) -> str:
    return "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")


def test_the_names_of_2018_give_the_same_values(folder, tmp_path):
    new = load_encoder(folder).state_dict()

    def rename(tensors):
        renamed = {old_name(name): tensor for name, tensor in tensors.items()}
        assert sum(name.endswith(("gamma", "beta")) for name in renamed) == 10
        tensors.clear()
        tensors.update(renamed)
        tensors["bert.embeddings.position_ids"] = torch.arange(16)[None]
        tensors["cls.predictions.bias"] = torch.zeros(31)
        tensors["cls.predictions.transform.LayerNorm.gamma"] = torch.zeros(12)
        tensors["cls.seq_relationship.weight"] = torch.zeros(2, 12)

    edit_tensors(folder, rename)
    old = load_encoder(folder).state_dict()
    assert new.keys() == old.keys()
    assert all(torch.equal(new[name], old[name]) for name in new)


def test_half_precision_is_read_as_fp32(folder):
    whole = load_encoder(folder).state_dict()
    edit_tensors(folder, lambda tensors: tensors.update({name: tensor.half() for name, tensor in tensors.items()}))
    for name, tensor in load_encoder(folder).state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, whole[name].half().float())


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda tensors: tensors.pop("encoder.layer.1.attention.self.key.bias"),
            r"no tensor for layers\.1\.attention\.key\.bias",
        ),
        (
            lambda tensors: tensors.update({"encoder.layer.2.output.dense.bias": torch.zeros(12)}),
            r"tensor encoder\.layer\.2\.output\.dense\.bias is unknown",
        ),
        (
            lambda tensors: tensors.update({"pooler.dense.weight": torch.zeros(12, 13)}),
            r"tensor pooler\.dense\.weight has shape \[12, 13\], config\.json asks for \[12, 12\]",
        ),
        (
            lambda tensors: tensors.update({"bert.pooler.dense.bias": torch.zeros(12)}),
            r"tensor (bert\.)?pooler\.dense\.bias is there a second time",
        ),
    ],
    ids=["missing", "unknown", "misshaped", "twice"],
)
def test_an_unfit_tensor_is_an_error_that_names_file_and_tensor(folder, edit, message):
    edit_tensors(folder, edit)
    with pytest.raises(ValueError, match=rf"{folder}/model\.safetensors: {message}"):
        load_encoder(folder)


def test_a_file_that_is_missing_or_torn_is_an_error_that_names_it(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"{path}: not a safetensors file"):
        load_encoder(folder)
    path.unlink()
    with pytest.raises(ValueError, match=rf"{path}: no such file"):
        load_encoder(folder)


@pytest.mark.parametrize("key", KEYS)
def test_a_missing_key_is_an_error_that_names_it(folder, key):
    edit_config(folder, **{key: None})
    with pytest.raises(ValueError, match=rf"{folder}/config\.json: key {key} is missing"):
        read_config(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_act", "swish"),
        ("position_embedding_type", "relative_key"),
        ("model_type", "roberta"),
        ("hidden_size", "12"),
        ("hidden_size", 12.0),
        ("num_hidden_layers", True),
        ("layer_norm_eps", -1.0),
    ],
)
def test_an_unfit_key_is_an_error_that_names_it(folder, key, value):
    edit_config(folder, **{key: value})
    with pytest.raises(ValueError, match=rf"{folder}/config\.json: {key} is {value!r}"):
        read_config(folder)


def test_a_config_that_is_missing_or_torn_is_an_error_that_names_it(folder):
    path = folder / "config.json"
    path.write_text("{")
    with pytest.raises(ValueError, match=rf"{path}: not a JSON file"):
        read_config(folder)
    path.unlink()
    with pytest.raises(ValueError, match=rf"{path}: no such file"):
        read_config(folder)


def test_every_parameter_has_the_files_value(folder):
    stored = sorted(tensor.double().sum().item() for tensor in load_file(folder / "model.safetensors").values())
    loaded = sorted(parameter.double().sum().item() for parameter in load_encoder(folder).parameters())
    assert len(set(stored)) == len(stored) == 5 + 2 * 16 + 2
    assert loaded == stored


def test_position_ids_are_ignored(folder):
    edit_tensors(folder, lambda tensors: tensors.update({"embeddings.position_ids": torch.arange(16)[None]}))
    assert load_encoder(folder).config.max_positions == 16


def test_a_loaded_encoder_trains_and_leaves_the_file_alone(folder):
    before = (folder / "model.safetensors").read_bytes()
    encoder = load_encoder(folder)
    assert encoder.training
    assert all(parameter.requires_grad for parameter in encoder.parameters())
    encoder(pack([[1, 2, 3]])).sum().backward()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
    assert (folder / "model.safetensors").read_bytes() == before


def test_loading_draws_no_random_numbers(folder):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    load_encoder(folder)
    assert torch.equal(torch.rand(1), expected)


def test_config_is_read_field_by_field(folder):
    config = read_config(folder)
    assert [getattr(config, field.name) for field in fields(BertConfig)] == [*KEYS.values(), "gelu"]
    edit_config(folder, hidden_act="gelu_new")
    assert read_config(folder).activation == "gelu_new"
    edit_config(folder, hidden_act=None)
    assert read_config(folder).activation == "gelu"
