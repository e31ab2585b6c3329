"""The training loop: legs of epochs of steps, for one task or several, with checkpoints, curves and the kept epoch."""

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from pipeline.evaluation.metrics import METRICS
from pipeline.evaluation.saved_model import build_model, check_hash, fill_model, save_model
from pipeline.files import layout
from pipeline.files.atomic import atomic_folder
from pipeline.files.digest import hash_file
from pipeline.files.run_files import Run
from pipeline.records.events import EventLog, read_events
from pipeline.records.record import build_record, write_record
from pipeline.training.batches import epoch_batches
from pipeline.training.checkpoint import Progress, State, copy_tensors, load_checkpoint, read_progress, save_checkpoint
from pipeline.training.device import choose_device
from pipeline.training.optimization import LegOptimizer
from pipeline.training.task_data import FineTuned, Frozen, TaskData, read_task_data

HISTORY_COLUMNS = ("leg", "epoch", "step", "split", "task", "metric", "value")


def train(run: Run, root: Path = Path(".")) -> None:
    """Train what the run's files describe and write its model and record, going on from a checkpoint if there is one.

    A checkpoint is taken every BERTY_CHECKPOINT_SECONDS (20 by default) of training. The files written are
    `layout.model` and `layout.training_record` of the run; each appears whole or not at all.
    """
    Training(run, root).run_all()


class Training:
    """A run in progress."""

    def __init__(self, run: Run, root: Path) -> None:
        self.run, self.spec, self.root = run, run.spec, root
        self.work = root / layout.work(run.key)
        self.checkpoint_path = self.work / "checkpoint.safetensors"
        self.checkpoint_seconds = float(os.environ.get("BERTY_CHECKPOINT_SECONDS") or 20)
        self.device = choose_device()
        self.data: dict[str, TaskData] = {
            name: read_task_data(name, task, self.spec["curve_examples"], root)
            for name, task in self.spec["tasks"].items()
        }

    def run_all(self) -> None:
        model = build_model(self.spec, self.spec["seed"], self.root)
        self._fill_from_start(model)
        self.state = State(read_progress(self.checkpoint_path) or Progress(), model.to(self.device))
        resumed = self.state.progress.event_bytes > 0
        self.log = self._resume_log() if resumed else self._start_log()
        with self.log:
            first_leg = self.state.progress.leg
            for leg_number in range(first_leg, len(self.spec["schedule"])):
                self._train_leg(leg_number, resume=resumed and leg_number == first_leg)
            self._write_outputs()
        shutil.rmtree(self.work)

    def _train_leg(self, leg_number: int, resume: bool) -> None:
        leg, train, state = self.spec["schedule"][leg_number], self.spec["train"], self.state
        if resume:
            # The model first: a frozen leg encodes with it. The optimizer's moments follow when there is an optimizer.
            load_checkpoint(self.checkpoint_path, state)
        source = self._make_source(leg)
        optimizer = LegOptimizer(self.spec, leg_number, state, source)
        if resume:
            load_checkpoint(self.checkpoint_path, state)
        state.model.train()
        progress = state.progress
        epoch_size = max(len(self.data[task].train_indices) for task in leg["tasks"])
        num_steps = -(-epoch_size // train["batch_size"])
        last_saved = window_start = time.monotonic()
        bar = tqdm(
            total=leg["epochs"] * num_steps,
            initial=progress.epoch * num_steps + progress.step,
            desc=f"{self.spec['row']}-{self.spec['seed']} leg {leg_number + 1}/{len(self.spec['schedule'])}",
            unit="step",
            mininterval=1.0,
        )
        for epoch in range(progress.epoch, leg["epochs"]):
            batches = {
                task: epoch_batches(
                    self.data[task].train_indices,
                    train["batch_size"],
                    epoch_size,
                    seed=self.spec["seed"],
                    leg=leg_number,
                    epoch=epoch,
                    task=task,
                )
                for task in leg["tasks"]
            }
            for step in range(progress.step, num_steps):
                measured = optimizer.step({task: batches[task][step] for task in leg["tasks"]}, epoch, step)
                progress.step, progress.total_steps = step + 1, progress.total_steps + 1
                for name, value in (measured | {"steps": 1.0}).items():
                    progress.window[name] = progress.window.get(name, 0.0) + value
                if progress.total_steps % train["log_every"] == 0 or step + 1 == num_steps:
                    now = time.monotonic()
                    self._log_window(bar, optimizer.learning_rate, now - window_start)
                    window_start = now
                bar.update()
                if time.monotonic() - last_saved >= self.checkpoint_seconds:
                    self._save_checkpoint()
                    last_saved = time.monotonic()
            self._finish_epoch(leg_number, leg, source, bar)
            progress.epoch, progress.step = epoch + 1, 0
        bar.close()
        if train["keep"] == "best":
            state.model.load_state_dict(state.best)
        self.log.metrics({f"kept_epoch/leg_{leg_number + 1}": self._kept_epoch(leg)}, progress.total_steps)
        state.best, state.combiner = {}, {}
        progress.leg, progress.epoch, progress.best_score, progress.best_epoch = leg_number + 1, 0, None, None

    def _make_source(self, leg: dict[str, Any]) -> FineTuned | Frozen:
        data = {task: self.data[task] for task in leg["tasks"]}
        kind = Frozen if leg["encoder"] == "frozen" else FineTuned
        return kind(self.state.model, data, self.spec["train"]["evaluation_tokens"])

    def _finish_epoch(self, leg_number: int, leg: dict[str, Any], source: FineTuned | Frozen, bar: tqdm) -> None:
        """Measure every task of the leg on the curves' examples, and keep the weights if they are the best so far."""
        state, progress = self.state, self.state.progress
        values: dict[str, float] = {}
        for task in leg["tasks"]:
            metric = self.spec["tasks"][task]["metric"]
            for split, indices in self.data[task].curve_indices.items():
                predictions = source.predict(task, split, indices)
                value = METRICS[metric](self.data[task].labels(split, indices), predictions)
                values[f"{split}/{task}.{metric}"] = value
                row = (leg_number + 1, progress.epoch + 1, progress.total_steps, split, task, metric, value)
                progress.history.append(dict(zip(HISTORY_COLUMNS, row, strict=True)))
        self.log.metrics(values, progress.total_steps)
        dev = [value for name, value in values.items() if name.startswith("dev/")]
        score = sum(dev) / len(dev)
        if self.spec["train"]["keep"] == "best" and (progress.best_score is None or score > progress.best_score):
            progress.best_score, progress.best_epoch = score, progress.epoch + 1
            state.best = copy_tensors(state.model)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items() if name.startswith("dev/"))
        bar.write(f"{bar.desc} epoch {progress.epoch + 1}/{leg['epochs']}: {shown}")

    def _kept_epoch(self, leg: dict[str, Any]) -> int:
        return self.state.progress.best_epoch or leg["epochs"]

    def _log_window(self, bar: tqdm, learning_rate: float, seconds: float) -> None:
        """One point of every loss and gradient curve: the means over the steps since the last one."""
        window, progress = self.state.progress.window, self.state.progress
        steps, tokens = window.pop("steps"), window.pop("tokens")
        means = {name: value / steps for name, value in window.items()}
        speed = tokens / max(seconds, 1e-9)
        self.log.metrics({**means, "learning_rate": learning_rate, "tokens_per_second": speed}, progress.total_steps)
        losses = {name.removeprefix("loss/"): f"{value:.3f}" for name, value in means.items() if "loss/" in name}
        bar.set_postfix({**losses, "tokens/s": f"{speed:.0f}"}, refresh=False)
        window.clear()

    def _save_checkpoint(self) -> None:
        self.state.progress.event_bytes = self.log.size
        save_checkpoint(self.checkpoint_path, self.state)

    def _fill_from_start(self, model: torch.nn.Module) -> None:
        """Overlay what phase 1 left, if the run starts from it; the start file names it and its hash."""
        if self.run.start is None or self.run.start["kind"] == "encoder":
            return
        path = self.root / self.run.start["weights"]
        check_hash(path, self.run.start["sha256"])
        fill_model(model, path, self.run.start["tasks"])

    def _start_log(self) -> EventLog:
        log = EventLog.start(self.work / "events.jsonl", self.run.identity("training"))
        log.params(_params_to_log(self.spec) | ({"start": self.run.start} if self.run.start else {}))
        log.tags({"encoder": self.spec["encoder"]["name"], "device": str(self.device)})
        log.tags({"num_threads": str(torch.get_num_threads()), "num_resumed": "0"})
        encoder = self.spec["encoder"]
        log.dataset(encoder["name"], encoder["sha256"], encoder["folder"], 1, "encoder")
        for name, task in self.data.items():
            for split in ("train", "dev"):
                used = len(task.train_indices) if split == "train" else task.splits["dev"].num_examples
                spec = self.spec["tasks"][name]
                log.dataset(f"{name}-{split}", spec["digests"][split], spec["tokens"][split], used, split)
        return log

    def _resume_log(self) -> EventLog:
        path, size = self.work / "events.jsonl", self.state.progress.event_bytes
        log = EventLog.resume(path, size)
        log.tags({"num_resumed": str(1 + int(build_record(read_events(path))["tags"]["num_resumed"]))})
        return log

    def _write_outputs(self) -> None:
        """The model, then the record: a record that is there says that the model is."""
        place = self.run.place
        model_folder = layout.model(*place)
        save_model(self.root / model_folder, self.state.model, self.spec, self.run.key, self.root)
        weights = model_folder / "weights.safetensors"
        self.log.tags({"weights": weights.as_posix(), "weights_sha256": hash_file(self.root / weights)})
        folder = layout.training_record(*place)
        files = ["history.csv", "run.json", *(["start.json"] if self.run.start_path else [])]
        for name in files:
            self.log.artifact(folder / name)
        self.log.finish()
        with atomic_folder(self.root / folder) as temporary:
            write_record(temporary / "record.json", build_record(read_events(self.work / "events.jsonl")))
            with (temporary / "history.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, HISTORY_COLUMNS, lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.state.progress.history)
            shutil.copyfile(self.run.path, temporary / "run.json")
            if self.run.start_path:
                shutil.copyfile(self.run.start_path, temporary / "start.json")


def _params_to_log(spec: dict[str, Any]) -> dict[str, Any]:
    """The run file without what the record says elsewhere: identity, hashes, paths."""
    tasks = {name: {key: task[key] for key in ("head", "metric", "max_train")} for name, task in spec["tasks"].items()}
    params = {key: spec[key] for key in ("train", "curve_examples", "packages", "code")}
    legs = {
        f"leg_{number + 1}": {key: ",".join(value) if key == "tasks" else value for key, value in leg.items()}
        for number, leg in enumerate(spec["schedule"])
    }
    return {**params, "encoder": spec["encoder"]["name"], "tasks": tasks, "schedule": legs}
