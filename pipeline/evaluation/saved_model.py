"""A trained model as files: what training changed of the pretrained encoder, the heads, and what is needed to use it.

The encoder's file is not repeated: weights.safetensors holds the tensors that differ from it (none where it was
frozen), and of the word embeddings only the rows that differ, most words being in no training set. model.json names
the encoder by its folder and hash.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from model.heads import HEADS, TaskShape
from model.multitask import MultitaskModel
from model.pretrained import load_encoder
from model.reading import find_reading
from model.registry import split_choice
from pipeline.evaluation.device import choose_device, choose_dtype
from pipeline.files.atomic import atomic_folder, read_json, write_json
from pipeline.files.digest import derive_seed, hash_file

VERSION = 1
WORDS = "encoder.word_embeddings.weight"


def build_model(description: dict[str, Any], seed: int, root: Path = Path(".")) -> MultitaskModel:
    """The pretrained encoder under new heads; a head's initial weights depend on `seed` and its task alone.

    Those of a pair layer, which is there where some head takes its output, depend on `seed` alone, as a pooling's do.
    `description` is a run file or a model.json: both say `encoder`, `tasks` and `train`. An encoder whose content is
    not the one described is a `ValueError`.
    """
    train, folder = description["train"], root / description["encoder"]["folder"]
    check_hash(folder / "model.safetensors", description["encoder"]["sha256"])
    check_hash(folder / "config.json", description["encoder"]["config_sha256"])
    encoder = load_encoder(folder, dropout=train["encoder_dropout"])
    encoder.compute_dtype = choose_dtype(train["precision"])
    width = train["head_width"] or encoder.config.hidden_size
    sizes = (encoder.config.hidden_size, width, train["head_dropout"])
    heads, shapes, pair_layer = {}, {}, None
    for name, task in description["tasks"].items():
        make_layer = getattr(find_reading(HEADS[split_choice(task["head"])[0]]), "Layer", None)
        if make_layer and pair_layer is None:
            torch.manual_seed(derive_seed(seed, "pair_layer"))
            pair_layer = make_layer(*sizes)
        torch.manual_seed(derive_seed(seed, "head", name))
        shapes[name] = TaskShape(len(task["text"]["sentences"]), task["num_classes"], task.get("label_range"))
        make_head = HEADS.bind(task["head"])
        heads[name] = make_head(shapes[name], width if make_layer else sizes[0], *sizes[1:])
    torch.manual_seed(derive_seed(seed, "pooling"))
    return MultitaskModel(encoder, heads, shapes, train["pooling"], pair_layer)


def save_model(folder: Path, model: MultitaskModel, run: dict[str, Any], run_key: str, root: Path = Path(".")) -> None:
    """Write weights.safetensors, model.json and vocab.txt to `folder`, whole or not at all."""
    encoder_folder = root / run["encoder"]["folder"]
    tensors = _difference(model, encoder_folder)
    description = {
        "version": VERSION,
        "run_key": run_key,
        "encoder": run["encoder"],
        "tasks": {name: {key: task[key] for key in TASK_KEYS if key in task} for name, task in run["tasks"].items()},
        "train": {key: run["train"][key] for key in MODEL_KEYS},
    }
    with atomic_folder(folder) as temporary:
        save_file(tensors, temporary / "weights.safetensors")
        write_json(temporary / "model.json", description)
        shutil.copyfile(encoder_folder / "vocab.txt", temporary / "vocab.txt")


# What of a task (its label_range only where it has one) and of `train` a model needs once it is trained.
TASK_KEYS = ("head", "num_classes", "label_range", "metric", "text")
MODEL_KEYS = ("precision", "pooling", "head_width", "head_dropout", "encoder_dropout", "evaluation_tokens")


def load_model(folder: Path, root: Path = Path(".")) -> tuple[MultitaskModel, dict[str, Any]]:
    """The model that `save_model` wrote, on the chosen device, and its model.json."""
    description = read_json(Path(folder) / "model.json")
    model = build_model(description, seed=0, root=root)  # every head is overwritten
    fill_model(model, Path(folder) / "weights.safetensors", list(description["tasks"]))
    return model.to(choose_device()), description


def fill_model(model: MultitaskModel, path: Path, tasks: list[str]) -> None:
    """Overlay the tensors of a weights.safetensors on the pretrained encoder.

    The heads of `tasks` must be there, with the pair layer where one of them takes its output, and what the pooling
    learned.
    """
    state = model.state_dict()
    try:
        tensors = load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise ValueError(f"{path}: not a safetensors file ({error})") from None
    rows, values = tensors.pop(f"{WORDS}.rows", None), tensors.pop(f"{WORDS}.values", None)
    with torch.no_grad():
        if rows is not None:
            shapes = values is not None and rows.dim() == 1 and values.shape == (len(rows), state[WORDS].shape[1])
            if not shapes or rows.dtype != torch.int64 or not bool(((rows >= 0) & (rows < len(state[WORDS]))).all()):
                raise ValueError(f"{path}: tensor {WORDS}.rows has no place in the model")
            state[WORDS][rows] = values
        for name, tensor in tensors.items():
            if name not in state or state[name].shape != tensor.shape:
                raise ValueError(f"{path}: tensor {name} of shape {list(tensor.shape)} has no place in the model")
            state[name].copy_(tensor)
    needed = ["pooling.", *(f"heads.{task}." for task in tasks), *["pair_layer."] * bool(model.pair_parameters(tasks))]
    missing = [name for name in state if name.startswith(tuple(needed)) and name not in tensors]
    if missing:
        raise ValueError(f"{path}: no tensor for {', '.join(missing)}")


def check_hash(path: Path, sha256: str) -> None:
    """Raise `ValueError` unless the file's content is the one named."""
    if not path.exists():
        raise ValueError(f"{path}: no such file; expected the content with sha256 {sha256}")
    if (found := hash_file(path)) != sha256:
        raise ValueError(f"{path}: sha256 is {found}, expected {sha256}")


def _difference(model: MultitaskModel, encoder_folder: Path) -> dict[str, Tensor]:
    """The model's tensors that are not, bit for bit, those of the pretrained encoder's file."""
    pretrained = {f"encoder.{name}": tensor for name, tensor in load_encoder(encoder_folder).state_dict().items()}
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu()
        if not tensor.isfinite().all():
            raise FloatingPointError(f"{name} is not finite after the last step: a lower learning rate may help")
        if name in pretrained and torch.equal(tensor, pretrained[name]):
            continue
        if name == WORDS:
            rows = (tensor != pretrained[name]).any(dim=1).nonzero().squeeze(1)
            tensors |= {f"{WORDS}.rows": rows, f"{WORDS}.values": tensor[rows]}
        else:
            tensors[name] = tensor.contiguous()
    return tensors
