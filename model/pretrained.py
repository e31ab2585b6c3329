"""Published BERT weights read into MiniBert: a Hugging Face folder with config.json and model.safetensors."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.bert import ACTIVATIONS, BertConfig, MiniBert
from model.masked_lm import MaskedLanguageModel

# Our field: the key in config.json and its type.
CONFIG_KEYS = {
    "vocab_size": ("vocab_size", int),
    "hidden_size": ("hidden_size", int),
    "num_layers": ("num_hidden_layers", int),
    "num_heads": ("num_attention_heads", int),
    "intermediate_size": ("intermediate_size", int),
    "max_positions": ("max_position_embeddings", int),
    "num_token_types": ("type_vocab_size", int),
    "layer_norm_eps": ("layer_norm_eps", float),
    "hidden_dropout": ("hidden_dropout_prob", float),
    "attention_dropout": ("attention_probs_dropout_prob", float),
}

# What MiniBert computes, whatever the file; absent means the same in Hugging Face's BertConfig.
FIXED_KEYS = {"model_type": "bert", "position_embedding_type": "absolute"}

# Applied in this order to the name of every tensor in the file. The first three bring the names of 2018
# (bert-base-uncased) to those of today; the others bring those to ours.
RENAMES = (
    (r"^bert\.", ""),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
    (r"^embeddings\.LayerNorm\.", "embedding_norm."),
    (r"^embeddings\.", ""),
    (r"^encoder\.layer\.", "layers."),
    (r"\.attention\.self\.", ".attention."),
    (r"\.attention\.output\.LayerNorm\.", ".attention_norm."),
    (r"\.attention\.output\.dense\.", ".attention.output."),
    (r"\.intermediate\.dense\.", ".intermediate."),
    (r"\.output\.LayerNorm\.", ".output_norm."),
    (r"\.output\.dense\.", ".output."),
    (r"^pooler\.dense\.", "pooler."),
)

# The head of masked language modelling in a file, after the first three renames; its decoder is the word embeddings.
HEAD_NAMES = {
    "cls.predictions.transform.dense.weight": "dense.weight",
    "cls.predictions.transform.dense.bias": "dense.bias",
    "cls.predictions.transform.LayerNorm.weight": "norm.weight",
    "cls.predictions.transform.LayerNorm.bias": "norm.bias",
    "cls.predictions.bias": "bias",
}

# Not part of the encoder: the pre-training heads, and 0, 1, 2, ... that some versions stored.
IGNORED = (r"^cls\.", r"^(bert\.)?embeddings\.position_ids$")


def load_encoder(folder: Path | str, dropout: float | None = None) -> MiniBert:
    """Read an encoder in fp32, in training mode; torch's generators are left as they are.

    `dropout` replaces both of config.json's dropout probabilities.

    Every tensor of the file is used or matches `IGNORED`, every parameter is filled, shapes agree: anything else is a
    `ValueError` naming the file and the tensor.
    """
    folder = Path(folder)
    path = folder / "model.safetensors"
    config = read_config(folder)
    if dropout is not None:
        config = replace(config, hidden_dropout=dropout, attention_dropout=dropout)
    # Every value comes from the file. Building on the meta device would draw no random numbers at all, but it makes
    # torch import its compiler, which takes six times as long (1.5 s against .2 s for minilm).
    with torch.random.fork_rng(devices=[]):
        encoder = MiniBert(config)
    expected = encoder.state_dict()

    parameters: dict[str, Tensor] = {}
    for stored_name, tensor in _read_tensors(path).items():
        if any(re.search(pattern, stored_name) for pattern in IGNORED):
            continue
        name = _rename(stored_name)
        if name not in expected:
            raise ValueError(f"{path}: tensor {stored_name} is unknown")
        if name in parameters:
            raise ValueError(f"{path}: tensor {stored_name} is there a second time under another name")
        if tensor.shape != expected[name].shape:
            shapes = f"{list(tensor.shape)}, config.json asks for {list(expected[name].shape)}"
            raise ValueError(f"{path}: tensor {stored_name} has shape {shapes}")
        parameters[name] = tensor.to(torch.float32, copy=True)  # a copy is memory of our own, not of the mapped file
    missing = sorted(expected.keys() - parameters.keys())
    if missing:
        raise ValueError(f"{path}: no tensor for {', '.join(missing)}")
    encoder.load_state_dict(parameters, assign=True)
    return encoder


def load_masked_lm(folder: Path | str) -> MaskedLanguageModel:
    """An encoder under the head that its file has, whole or not at all; else a head of torch's global generator."""
    model, path = MaskedLanguageModel(load_encoder(folder)), Path(folder) / "model.safetensors"
    stored = {_rename(name, RENAMES[:3]): tensor for name, tensor in _read_tensors(path).items()}
    head = {ours: stored[name].to(torch.float32, copy=True) for name, ours in HEAD_NAMES.items() if name in stored}
    if head and len(head) < len(HEAD_NAMES):
        raise ValueError(f"{path}: no tensor for {', '.join(name for name in HEAD_NAMES if name not in stored)}")
    state = model.state_dict()
    for name, tensor in head.items():
        if state[name].shape != tensor.shape:
            raise ValueError(f"{path}: its head's {name} has shape {list(tensor.shape)}, not {list(state[name].shape)}")
    model.load_state_dict(state | head)
    return model


def save_encoder(encoder: MiniBert, source: Path, destination: Path) -> None:
    """Write an encoder's weights by the names that they have in the file `source`; what is no encoder's is left out."""
    state, names = encoder.state_dict(), _read_tensors(source)
    kept = {name: state[_rename(name)].cpu().contiguous() for name in names if _rename(name) in state}
    save_file(kept, destination, metadata={"format": "pt"})


def keep_first_layers(source: Path, destination: Path, num_layers: int) -> None:
    """Write a model.safetensors with the first `num_layers` of the layers of another, and all else as it is there."""
    tensors, layers = _read_tensors(source), {}
    for name in tensors:
        if match := re.match(r"layers\.(\d+)\.", _rename(name)):
            layers[name] = int(match[1])
    if (found := max(layers.values(), default=-1) + 1) < num_layers:
        raise ValueError(f"{source}: it has {found} layers, {num_layers} are asked for")
    kept = {name: tensor for name, tensor in tensors.items() if layers.get(name, 0) < num_layers}
    save_file(kept, destination, metadata={"format": "pt"})


def read_config(folder: Path | str) -> BertConfig:
    """Read config.json with Hugging Face's key names; a missing or unfit key is a `ValueError` naming file and key."""
    path = Path(folder) / "config.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a JSON file ({error})") from None
    for key, value in FIXED_KEYS.items():
        if stored.get(key, value) != value:
            raise ValueError(f"{path}: {key} is {stored[key]!r}, only {value!r} is allowed")
    activation = stored.get("hidden_act", "gelu")
    if activation not in ACTIVATIONS:
        raise ValueError(f"{path}: hidden_act is {activation!r}; allowed: {', '.join(ACTIVATIONS)}")
    numbers = {field: _number(stored, key, kind, path) for field, (key, kind) in CONFIG_KEYS.items()}
    return BertConfig(**numbers, activation=activation)


def _number(stored: dict[str, Any], key: str, kind: type, path: Path) -> int | float:
    if key not in stored:
        raise ValueError(f"{path}: key {key} is missing")
    value = stored[key]
    allowed = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or value < 0:
        raise ValueError(f"{path}: {key} is {value!r}, a {kind.__name__} of at least 0 is allowed")
    return kind(value)


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from None


def _rename(name: str, renames: Iterable[tuple[str, str]] = RENAMES) -> str:
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name
