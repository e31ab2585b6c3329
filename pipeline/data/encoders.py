"""An encoder's folder: its published files where there are any, and what they or its row in params.yaml say of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.schema import EncoderRow
from pipeline.files.atomic import read_json

# Beside model.safetensors and vocab.txt; brought where `assets` has them. The last is sentence-transformers'.
PUBLISHED_FILES = ("config.json", "tokenizer_config.json", "1_Pooling/config.json")

# A row's key: Hugging Face's key in config.json.
CONFIG_KEYS = {
    "activation": "hidden_act",
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "layer_norm_eps": "layer_norm_eps",
}
POOLING_KEYS = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}


@dataclass(frozen=True)
class EncoderFacts:
    """What a run must know of an encoder beside its weights."""

    hidden_size: int
    max_positions: int
    lowercase: bool  # its vocabulary is of lower-case text
    pooling: str | None  # what it was trained with; None: nothing says
    num_token_types: int


def read_encoder(name: str, row: EncoderRow, folder: Path) -> EncoderFacts:
    """The facts of an encoder whose files are in `folder`. Its own files come first, then its row.

    A row that says otherwise than the files is a `ValueError` naming both, a line for each difference.
    """
    config_path = folder / "config.json"
    config = read_json(config_path)
    whole = ("hidden_size", "max_position_embeddings", "type_vocab_size")
    if missing := [key for key in whole if not isinstance(config.get(key), int)]:
        raise ValueError(f"{config_path}: no whole number {', '.join(missing)}")
    published = {key: (config_path, theirs, config.get(theirs)) for key, theirs in CONFIG_KEYS.items()}
    path = folder / "tokenizer_config.json"
    if path.exists() and (lowercase := read_json(path).get("do_lower_case")) is not None:
        published["cased"] = (path, "do_lower_case", not lowercase)
    path = folder / "1_Pooling" / "config.json"
    if path.exists():
        published["pooling"] = (path, "pooling_mode_*", _read_pooling(path))
    said = {key: getattr(row, key) for key in published if key in row.model_fields_set}
    faults = [
        f"encoders.{name}.{key}: {value!r}, but {published[key][0]} says {published[key][2]!r} ({published[key][1]})"
        for key, value in said.items()
        if value is not None and value != published[key][2]
    ]
    if faults:
        raise ValueError("\n".join(faults))
    cased, pooling = (published[key][2] if key in published else getattr(row, key) for key in ("cased", "pooling"))
    hidden_size, max_positions, num_token_types = (config[key] for key in whole)
    return EncoderFacts(hidden_size, max_positions, not cased, pooling, num_token_types)


def make_encoder_config(row: EncoderRow) -> dict[str, Any]:
    """The row of params.yaml with the key names of Hugging Face's config.json, which `load_encoder` reads."""
    return {theirs: getattr(row, key) for key, theirs in CONFIG_KEYS.items()} | {
        "model_type": "bert",
        "type_vocab_size": 2,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }


def _read_pooling(path: Path) -> str:
    modes = [key for key, value in read_json(path).items() if key.startswith("pooling_mode_") and value is True]
    if len(modes) != 1 or modes[0] not in POOLING_KEYS:
        allowed = ", ".join(POOLING_KEYS)
        raise ValueError(f"{path}: it pools by {', '.join(modes) or 'nothing'}; allowed: one of {allowed}")
    return POOLING_KEYS[modes[0]]
