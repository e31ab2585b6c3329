"""What a record keeps so that later code can be held to it: the losses of the first steps, and a probe of every leg.

The first steps can be repeated where what the run started from is still there. The probe begins at the published
encoder, which can always be had.
"""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.evaluation.predict import compute_outputs
from pipeline.evaluation.saved_model import build_model
from pipeline.training.batches import choose
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.task_data import TaskData, draw_steps, make_source

NUM_FIRST_STEPS = 20
NUM_LEG_STEPS = 3  # of each leg, in the probe
NUM_EXAMPLES = 64  # dev examples of each task whose outputs the probe has


def losses_of(measured: dict[str, float]) -> dict[str, float]:
    """The losses among what a step measured, by task."""
    return {name.removeprefix("loss/"): value for name, value in measured.items() if name.startswith("loss/")}


def probe(spec: dict[str, Any], data: dict[str, TaskData], device: torch.device, root: Path) -> dict[str, Any]:
    """Three steps of every leg of a run file, one leg after the other, from the published encoder under new heads.

    `steps` are their losses, `outputs` what the heads then make of `NUM_EXAMPLES` dev examples (float32, base64), and
    `order` is a SHA-256 over the examples of every step that the whole run takes.
    """
    model = build_model(spec, spec["seed"], root).to(device)
    state, steps, order = State(Progress(), model), [], hashlib.sha256()
    examples = {
        task: choose(f"probe {task}", each.splits["dev"].num_examples, NUM_EXAMPLES) for task, each in data.items()
    }
    for leg_number, leg in enumerate(spec["schedule"]):
        first_epoch = draw_steps(spec, leg_number, 0, data)
        for epoch in range(leg["epochs"]):
            for step in draw_steps(spec, leg_number, epoch, data):
                for task, indices in step.items():
                    order.update(f"{leg_number} {epoch} {task} ".encode() + indices.astype("<i8").tobytes())
        source = make_source(spec, leg_number, model, _restrict(data, first_epoch[:NUM_LEG_STEPS], examples))
        optimizer = LegOptimizer(spec, leg_number, state, source, len(first_epoch), root)
        model.train()
        for number, step in enumerate(first_epoch[:NUM_LEG_STEPS]):
            steps.append(losses_of(optimizer.step(step, 0, number)))
        state.combiner = {}
    max_tokens = spec["train"]["evaluation_tokens"]
    outputs = {
        task: compute_outputs(model, task, each.splits["dev"], examples[task], max_tokens)
        for task, each in data.items()
    }
    return {
        "steps": steps,
        "outputs": {
            task: base64.b64encode(values.astype("<f4").tobytes()).decode() for task, values in outputs.items()
        },
        "order": order.hexdigest(),
    }


def _restrict(
    data: dict[str, TaskData], steps: list[dict[str, np.ndarray]], examples: dict[str, np.ndarray]
) -> dict[str, TaskData]:
    """Only the examples that these steps take: a frozen encoder would encode all that there are."""
    return {
        task: replace(
            each,
            train_indices=np.unique(np.concatenate([[0], *(step[task] for step in steps if task in step)])).astype(int),
            measured={"train": np.array([0]), "dev": examples[task]},
        )
        for task, each in data.items()
    }


def find_difference(recorded: dict[str, Any], replayed: dict[str, Any], tolerance: float) -> str | None:
    """Where a replay first leaves what the record has, in words; None where it does not.

    `tolerance` is relative, 0 for bit by bit. `replayed` may lack `steps`.
    """
    parts = [("step", recorded["steps"], replayed.get("steps"))]
    parts.append(("step of the probe", recorded["probe"]["steps"], replayed["probe"]["steps"]))
    if (old := len(recorded["probe"]["steps"])) != (new := len(replayed["probe"]["steps"])):
        return f"the probe's steps: {old} on record, now {new}"
    if recorded["probe"]["order"] != replayed["probe"]["order"]:
        return "the order of the examples"
    for name, before, after in parts:
        for number, (old, new) in enumerate(zip(before, after or [], strict=False), start=1):
            for task, loss in old.items():
                if task not in new or not abs(new[task] - loss) <= tolerance * abs(loss):  # nor nan
                    return f"{name} {number}, loss of {task}: {loss!r} on record, now {new.get(task)!r}"
    for task, text in recorded["probe"]["outputs"].items():
        before, after = (_decode(found) for found in (text, replayed["probe"]["outputs"].get(task, "")))
        if before.shape != after.shape or not (abs(after - before) <= tolerance * max(1.0, abs(before).max())).all():
            return f"the probe's outputs of {task}"
    return None


def _decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float64)
