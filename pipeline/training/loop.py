"""The training loop: legs of epochs of steps, for one task or several, with checkpoints, curves and the kept epoch."""

import os
import shutil
import time
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.multitask import MultitaskModel
from pipeline.evaluation.device import choose_device
from pipeline.evaluation.metrics import METRICS
from pipeline.evaluation.saved_model import build_model, check_hash, fill_model
from pipeline.runs import layout
from pipeline.runs.run_files import Run
from pipeline.training.checkpoint import (
    Progress,
    State,
    copy_tensors,
    load_checkpoint,
    read_log,
    read_progress,
    save_checkpoint,
)
from pipeline.training.moving_average import averaged
from pipeline.training.optimization import LegOptimizer
from pipeline.training.replay import NUM_FIRST_STEPS, losses_of, probe
from pipeline.training.run_record import HISTORY_COLUMNS, resume_log, start_log, write_outputs
from pipeline.training.task_data import (
    SELECTION,
    TaskData,
    draw_steps,
    make_source,
    read_task_data,
)

# By `train.keep`: the examples on which the best epoch of a leg is chosen. The dev set's are those of the curves.
CHOSEN_ON = {"best": SELECTION, "best_on_dev": "dev", "last": None}


class EnoughSteps(Exception):
    """A training has taken the steps that it was asked for."""


class Training:
    """A run in progress; with `max_steps` it ends with `EnoughSteps` after so many steps and leaves no outputs."""

    def __init__(self, run: Run, root: Path, work: Path | None = None, max_steps: int | None = None) -> None:
        self.run, self.spec, self.root, self.max_steps = run, run.spec, root, max_steps
        work = work or root / layout.work(run.key)
        self.ranks: Any = None  # of pipeline/training/ranks.py, where several processes train
        self.checkpoint_path, self.events_path = work / "checkpoint.safetensors", work / "events.jsonl"
        self.checkpoint_seconds = float(os.environ.get("BERTY_CHECKPOINT_SECONDS") or 20)
        self.device = choose_device()
        self.data: dict[str, TaskData] = {name: read_task_data(name, self.spec, root) for name in self.spec["tasks"]}

    def run_all(self) -> None:
        model = build_model(self.spec, self.spec["seed"], self.root)
        self._fill_from_start(model)
        progress = read_progress(self.checkpoint_path)
        self.state = State(progress or Progress(), model.to(self.device))
        if progress:
            self.log = resume_log(self.events_path, read_log(self.checkpoint_path))
        else:
            self.log = start_log(self.events_path, self.run, self.data, self.device)
        self.clock = time.monotonic()
        with self.log:
            first_leg = self.state.progress.leg
            with self._open_ranks() as self.ranks:
                for leg_number in range(first_leg, len(self.spec["schedule"])):
                    self._train_leg(leg_number, resume=progress is not None and leg_number == first_leg)
            if self.max_steps is not None:
                raise EnoughSteps
            self._write_outputs()
        shutil.rmtree(self.events_path.parent)

    def _train_leg(self, leg_number: int, resume: bool) -> None:
        leg, state = self.spec["schedule"][leg_number], self.state
        if resume:
            # The model first: a frozen leg encodes with it. The optimizer's moments follow when there is an optimizer.
            load_checkpoint(self.checkpoint_path, state)
        # Gives the tasks' outputs: a frozen encoder's features are computed once, others for every batch.
        source = make_source(self.spec, leg_number, state.model, self.data)
        num_steps = len(draw_steps(self.spec, leg_number, 0, self.data))
        optimizer = LegOptimizer(self.spec, leg_number, state, source, num_steps, self.root, self.ranks)
        if resume:
            load_checkpoint(self.checkpoint_path, state)
        state.model.train()
        progress = state.progress
        self.last_saved = self.window_start = time.monotonic()
        with self._open_bar(leg_number, num_steps) as bar:
            for epoch in range(progress.epoch, leg["epochs"]):
                steps = draw_steps(self.spec, leg_number, epoch, self.data)
                for step in range(progress.step, num_steps):
                    measured = optimizer.step(steps[step], epoch, step)
                    progress.step, progress.total_steps = step + 1, progress.total_steps + 1
                    progress.total_tokens += measured["tokens"]
                    if progress.total_steps <= NUM_FIRST_STEPS:
                        progress.first_losses.append(losses_of(measured))
                    self._add_to_window(measured, bar, optimizer.learning_rate, is_last=step + 1 == num_steps)
                    bar.update()
                    self._save_checkpoint_if_due()
                    if progress.total_steps == self.max_steps:
                        raise EnoughSteps
                with averaged(state):
                    self._finish_epoch(leg_number, leg, source, bar)
                progress.epoch, progress.step = epoch + 1, 0
                patience = self.spec["train"]["patience"]
                if patience is not None and progress.epoch - progress.best_epoch >= patience:
                    break
        # What is kept: the best epoch's weights, else their average (the trained ones alone), else the last step's.
        if state.best or state.average:
            state.model.load_state_dict(state.best or state.average, strict=False)
        kept = {f"kept_epoch/leg_{leg_number + 1}": progress.best_epoch or leg["epochs"]}
        self.log.metrics(kept, progress.total_steps)
        state.best, state.combiner = {}, {}
        progress.leg, progress.epoch, progress.best_score, progress.best_epoch = leg_number + 1, 0, None, None

    def _open_ranks(self) -> AbstractContextManager[Any]:
        """The ranks of this training while it takes its steps; None, if it is this process alone."""
        if self.ranks or self.spec["train"]["world_size"] == 1:
            return nullcontext(self.ranks)
        # By a string, so that it is in the keys of those runs alone that have several (`entries_of_run`).
        return import_module("pipeline.training.ranks").start_ranks(self)

    def _open_bar(self, leg_number: int, num_steps: int) -> tqdm:
        legs, progress = self.spec["schedule"], self.state.progress
        total, done = legs[leg_number]["epochs"] * num_steps, progress.epoch * num_steps + progress.step
        return tqdm(total=total, initial=done, desc=self._name_leg(leg_number), unit="step", mininterval=1.0)

    def _name_leg(self, leg_number: int) -> str:
        return f"{self.spec['row']}-{self.spec['seed']} leg {leg_number + 1}/{len(self.spec['schedule'])}"

    def _add_to_window(self, measured: dict[str, float], bar: tqdm, learning_rate: float, is_last: bool) -> None:
        """Add a step to the sums; every `log_every` steps their means are a point of the loss and gradient curves.

        A mean is over the steps that measured it: not every step trains every task.
        """
        progress, window = self.state.progress, self.state.progress.window
        for name, value in measured.items():
            window[name] = window.get(name, 0.0) + value
            window[f"steps/{name}"] = window.get(f"steps/{name}", 0.0) + 1.0
        if progress.total_steps % self.spec["train"]["log_every"] and not is_last:
            return
        now = time.monotonic()
        speed = window["tokens"] / max(now - self.window_start, 1e-9)
        means = {
            name: value / window[f"steps/{name}"]
            for name, value in window.items()
            if name != "tokens" and not name.startswith("steps/")
        }
        self.log.metrics({**means, "learning_rate": learning_rate, "tokens_per_second": speed}, progress.total_steps)
        losses = {name.removeprefix("loss/"): f"{value:.3f}" for name, value in means.items() if "loss/" in name}
        bar.set_postfix({**losses, "tokens/s": f"{speed:.0f}"}, refresh=False)
        window.clear()
        self.window_start = now

    def _finish_epoch(self, leg_number: int, leg: dict[str, Any], source: Any, bar: tqdm) -> None:
        """Measure every task of the leg, and keep the weights if they are the best so far."""
        state, progress = self.state, self.state.progress
        values: dict[str, float] = {}
        for task in leg["tasks"]:
            metric = self.spec["tasks"][task]["metric"]
            for name, indices in self.data[task].measured.items():
                split = TaskData.split_of(name)
                predictions = source.predict(task, split, indices)
                value = METRICS[metric].score(self.data[task].labels(split, indices), predictions)
                values[f"{name}/{task}.{metric}"] = value
                row = (leg_number + 1, progress.epoch + 1, progress.total_steps, name, task, metric, value)
                progress.history.append(dict(zip(HISTORY_COLUMNS, row, strict=True)))
        self.log.metrics(values, progress.total_steps)
        if deciding := CHOSEN_ON[self.spec["train"]["keep"]]:
            scores = [value for name, value in values.items() if name.startswith(f"{deciding}/")]
            score = sum(scores) / len(scores)
            score = self.ranks.agree(score) if self.ranks else score
            if progress.best_score is None or score > progress.best_score:
                progress.best_score, progress.best_epoch = score, progress.epoch + 1
                state.best = copy_tensors(state.model)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items() if name.startswith("dev/"))
        bar.write(f"{self._name_leg(leg_number)} epoch {progress.epoch + 1}/{leg['epochs']}: {shown}")

    def _save_checkpoint_if_due(self) -> None:
        if time.monotonic() - self.last_saved >= self.checkpoint_seconds:
            self._save_checkpoint()
            self.last_saved = time.monotonic()

    def _save_checkpoint(self) -> None:
        self._add_seconds()
        save_checkpoint(self.checkpoint_path, self.state, self.log.content)

    def _add_seconds(self) -> None:
        now = time.monotonic()
        self.state.progress.seconds += now - self.clock
        self.clock = now

    def _write_outputs(self) -> None:
        self._add_seconds()
        done = self.state.progress
        cost = {"cost/steps": done.total_steps, "cost/tokens": done.total_tokens, "cost/seconds": done.seconds}
        self.log.metrics(cost, done.total_steps)
        probed = probe(self.spec, self.data, self.device, self.root)
        self.log.replay({"steps": self.state.progress.first_losses, "probe": probed})
        write_outputs(self.run, self.state, self.log, self.events_path, self.root)

    def _fill_from_start(self, model: MultitaskModel) -> None:
        """Overlay what phase 1 left, if the run starts from it; the start file names it and its hash."""
        if self.run.start is None or self.run.start["kind"] == "encoder":
            return
        path = self.root / self.run.start["weights"]
        check_hash(path, self.run.start["sha256"])
        fill_model(model, path, self.run.start["tasks"])
