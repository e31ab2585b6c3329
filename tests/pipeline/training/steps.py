"""One step of a leg on the tiny project, for the tests of steps."""

import torch

from pipeline.evaluation.saved_model import build_model
from pipeline.training.checkpoint import Progress, State
from pipeline.training.optimization import LegOptimizer
from pipeline.training.sources.finetuned import Source as FineTuned
from pipeline.training.task_data import read_task_data

TASKS = ("sst", "para", "sts")
NONE = {"head_dropout": 0.0, "encoder_dropout": 0.0}


def make_optimizer(tiny, schedule, leg=0, **train):
    run = tiny.add_row(schedule, tasks=list(TASKS), train=train)
    model = build_model(run.spec, 0)
    model.train()
    data = {task: read_task_data(task, run.spec, tiny.root) for task in TASKS}
    state = State(Progress(), model)
    return LegOptimizer(run.spec, leg, state, FineTuned(model, data, 4096), steps_per_epoch=5), data


def take_step(tiny, tasks=TASKS, combine="sum", epoch=0, step=0, leg=0, **train):
    """The model's tensors and what was measured after one step on the first examples of each task."""
    schedule = [{"tasks": list(tasks), "epochs": 1, "combine": combine}] * (leg + 1)
    optimizer, data = make_optimizer(tiny, schedule, leg, **train)
    measured = optimizer.step({task: data[task].train_indices[:8] for task in tasks}, epoch, step)
    return optimizer.state.model.state_dict(), measured


def differ(a, b):
    return {name for name in a if not torch.equal(a[name], b[name])}
