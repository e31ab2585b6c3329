"""The state of a run between two steps as one safetensors file, from which it goes on bit for bit."""

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.adamw import AdamW
from model.multitask import MultitaskModel
from pipeline.files.atomic import atomic_path

LOG = "log"  # the name of the tensor that is the event file
PAGE_BYTES = 4096


@dataclass
class Progress:
    """Where a run stands; the next step is number `step` of `epoch` of `leg`, all counted from 0."""

    leg: int = 0
    epoch: int = 0
    step: int = 0
    total_steps: int = 0  # optimizer steps since the run began
    total_tokens: float = 0.0  # that passed the encoder in these steps
    seconds: float = 0.0  # of training; what a kill made vain is not counted
    best_score: float | None = None  # of this leg
    best_epoch: int | None = None
    history: list[dict] = field(default_factory=list)  # rows of history.csv
    window: dict[str, float] = field(default_factory=dict)  # sums since the last point of the loss curves
    first_losses: list[dict[str, float]] = field(default_factory=list)  # by task, of each of the first steps


@dataclass
class State:
    """Everything that a step changes."""

    progress: Progress
    model: MultitaskModel
    optimizer: AdamW | None = None  # of this leg
    combiner: dict[str, Tensor] = field(default_factory=dict)  # what a gradient combination keeps
    best: dict[str, Tensor] = field(default_factory=dict)  # the model's tensors at the best epoch of this leg
    average: dict[str, Tensor] = field(default_factory=dict)  # of what this leg trains, where it is averaged


def save_checkpoint(path: Path, state: State, log: bytes) -> None:
    """Write the state and the event file's content; a file that is there stays as it is until the new one is whole."""
    tensors = {f"model.{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors[LOG] = torch.frombuffer(bytearray(log), dtype=torch.uint8)
    tensors |= {f"combiner.{name}": tensor for name, tensor in state.combiner.items()}
    tensors |= {f"best.{name}": tensor for name, tensor in state.best.items()}
    tensors |= {f"average.{name}": tensor for name, tensor in state.average.items()}
    steps = {}
    for number, moments in (state.optimizer.state_dict()["state"] if state.optimizer else {}).items():
        steps[number] = moments["step"]
        tensors |= {f"optimizer.{number}.{name}": moments[name] for name in ("exp_avg", "exp_avg_sq")}
    metadata = {"progress": json.dumps(asdict(state.progress)), "steps": json.dumps(steps)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata["sum"] = _sum_up(tensors, metadata)
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata)


def read_progress(path: Path) -> Progress | None:
    """Where the checkpoint stands; None where there is none. Here and in loading, a damaged one is a `ValueError`."""
    return Progress(**json.loads(_read(path)[1]["progress"])) if Path(path).exists() else None


def read_log(path: Path) -> bytes:
    """The event file's content when the checkpoint was taken."""
    return _read(path)[0][LOG].numpy().tobytes()


def load_checkpoint(path: Path, state: State) -> None:
    """Put what `save_checkpoint` wrote into a state that was built in the same way."""
    tensors, metadata = _read(path)
    names = ("model", "combiner", "best", "average", "optimizer", LOG)
    groups: dict[str, dict[str, Tensor]] = {name: {} for name in names}
    for key, tensor in tensors.items():
        group, _, name = key.partition(".")
        groups[group][name] = tensor
    state.progress = Progress(**json.loads(metadata["progress"]))
    state.model.load_state_dict(groups["model"])
    state.combiner, state.best = groups["combiner"], groups["best"]
    device = next(state.model.parameters()).device  # where it is moved on; the others are read where they are
    state.average = {name: tensor.to(device) for name, tensor in groups["average"].items()}
    if state.optimizer:
        moments = {
            int(number): {
                "step": step,
                **{name: groups["optimizer"][f"{number}.{name}"] for name in ("exp_avg", "exp_avg_sq")},
            }
            for number, step in json.loads(metadata["steps"]).items()
        }
        groups_of_params = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups_of_params})


@torch.no_grad()
def copy_tensors(model: MultitaskModel) -> dict[str, Tensor]:
    """The model's tensors as they are now."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All that is in it, as it was written."""
    remedy = f"`rm -r {Path(path).parent}` begins the run anew"
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it cannot be iterated itself)
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: not a checkpoint ({error}); {remedy}") from None
    said = metadata.pop("sum", None)
    if (found := _sum_up(tensors, metadata)) != said:
        raise ValueError(f"{path}: damaged: its check sum is {found}, it says {said}; {remedy}")
    return tensors, metadata


def _sum_up(tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """A check sum against damage, at memory's speed: the CRC of the sums of each page's numbers."""
    total = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        total = zlib.crc32(f"{name} {tensor.dtype} {list(tensor.shape)}".encode(), total)
        content = tensor.reshape(-1).view(torch.uint8).numpy()
        pages, rest = np.split(content, [len(content) - len(content) % PAGE_BYTES])
        total = zlib.crc32(pages.view(np.uint64).reshape(-1, PAGE_BYTES // 8).sum(axis=1), zlib.crc32(rest, total))
    return f"{total:08x}"
