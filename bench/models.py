"""The model that every stack starts from, and the same encoder as transformers' BertModel."""

import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from bench.inputs import ENCODER, Inputs
from model.bert import MiniBert
from model.multitask import MultitaskModel
from model.pretrained import read_config
from model.reading import find_reading, sentences
from pipeline.evaluation.saved_model import build_model

# Our names of parameters to transformers', applied in this order.
RENAMES = (
    (r"^(word|position|token_type)_embeddings\.", r"embeddings.\1_embeddings."),
    (r"^embedding_norm\.", "embeddings.LayerNorm."),
    (r"^layers\.", "encoder.layer."),
    (r"\.attention\.(query|key|value)\.", r".attention.self.\1."),
    (r"\.attention\.output\.", ".attention.output.dense."),
    (r"\.attention_norm\.", ".attention.output.LayerNorm."),
    (r"\.intermediate\.", ".intermediate.dense."),
    (r"(\.layer\.\d+)\.output\.", r"\1.output.dense."),
    (r"\.output_norm\.", ".output.LayerNorm."),
    (r"^pooler\.", "pooler.dense."),
)


def build_start(inputs: Inputs) -> MultitaskModel:
    """The encoder under new heads, on the CPU, in training mode; a head that other stacks cannot feed is refused."""
    model = build_model(inputs.spec, inputs.spec["seed"], inputs.folder).train()
    for task, head in model.heads.items():
        if (reading := find_reading(head)) is not sentences:
            raise ValueError(f"tasks.{task}.head takes {reading.__name__}; allowed here: a vector of each sentence")
    return model


def draw_weights(folder: Path) -> None:
    """Give the inputs in `folder` random weights if they have none."""
    path = folder / ENCODER / "model.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        save_file(MiniBert(read_config(folder / ENCODER)).state_dict(), path)


def to_transformers(encoder: MiniBert, attention: str) -> nn.Module:
    """A BertModel with the encoder's weights and dropout; `attention` is eager or sdpa."""
    from transformers import BertConfig, BertModel

    config = encoder.config
    bert = BertModel(
        BertConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            intermediate_size=config.intermediate_size,
            max_position_embeddings=config.max_positions,
            type_vocab_size=config.num_token_types,
            layer_norm_eps=config.layer_norm_eps,
            hidden_act=config.activation,
            hidden_dropout_prob=config.hidden_dropout,
            attention_probs_dropout_prob=config.attention_dropout,
            attn_implementation=attention,
        )
    )
    weights = {}
    for name, tensor in encoder.state_dict().items():
        for pattern, replacement in RENAMES:
            name = re.sub(pattern, replacement, name)
        weights[name] = tensor.clone()
    bert.load_state_dict(weights)
    return bert.train()
