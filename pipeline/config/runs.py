"""The run file of each (phase, row, seed): everything that decides its result, and nothing else.

Defaults are merged, notes and paper values dropped, and the contents of what it reads are in it as hashes: so a run
file changes exactly when its run has to be done again.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.averages import Average
from pipeline.config.schema import Params
from pipeline.config.selection import choose_profile, find_idle_recipes, locate_encoder, name_published
from pipeline.config.trainings import Training
from pipeline.data.encoders import EncoderFacts
from pipeline.evaluation.saved_model import MODEL_KEYS, TASK_KEYS
from pipeline.files.digest import hash_file, hash_folder
from pipeline.runs import layout
from pipeline.runs.code import Code, entries_of_run
from pipeline.runs.neutral import drop_neutral

VERSION = 1

# The packages whose version can change a result: the training lock.
TRAINING_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors")


def make_runs(
    params: Params,
    profile: str,
    trainings: list[Training],
    averages: list[Average],
    facts: dict[str, EncoderFacts],
    root: Path = Path("."),
) -> Iterator[dict[str, Any]]:
    """Every run of `profile`: its trainings for each of their seeds, and where nothing trains a note of why.

    The averages come last, since one may be of all seeds.
    The tokens and encoders must be there: their hashes go into the runs.
    """
    inputs = _Inputs(params, profile, facts, root)
    for seed in params.seeds:
        for training in trainings:
            if seed in training.seeds:
                yield inputs.make_run(training, seed)
            else:
                reason = f"profiles.{profile}.num_seeds: of the seeds the first {len(training.seeds)}"
                yield inputs.name_run(training.phase, training.row, seed) | {"skipped": reason}
        for name, reason in find_idle_recipes(params, profile).items():
            yield inputs.name_run("phase1", name, seed) | {"skipped": reason}
    for seed in params.seeds:
        for average in averages:
            if seed in average.seeds:
                yield inputs.make_average(average, seed)
            else:
                reason = "all seeds together" if average.is_over_seeds else "not a seed of all that it is an average of"
                yield inputs.name_run(layout.AVERAGE, average.row, seed) | {"skipped": reason}


class _Inputs:
    """What the runs of one profile share."""

    def __init__(self, params: Params, profile: str, facts: dict[str, EncoderFacts], root: Path) -> None:
        self.params, self.profile, self.facts, self.root = params, profile, facts, root
        self.row = choose_profile(params, profile)
        self.code = Code(root)
        self.packages = read_training_lock(root / "requirements.lock")
        self.encoders = {name: self._describe_encoder(name) for name in facts}
        self.digests: dict[Path, str] = {}

    def name_run(self, phase: str, row: str, seed: int) -> dict[str, Any]:
        return {"version": VERSION, "profile": self.profile, "phase": phase, "row": row, "seed": seed}

    def make_run(self, training: Training, seed: int) -> dict[str, Any]:
        run = self.name_run(training.phase, training.row, seed) | {
            "encoder": self.encoders[training.encoder],
            "tasks": {task: self._describe_task(task, training) for task in training.heads},
            "schedule": training.schedule,
            "train": training.train,
            "curve_examples": self.row.curve_examples,
            "packages": self.packages,
        }
        run |= {"pseudo_labels": training.pseudo_labels} if training.pseudo_labels else {}
        run |= {"code": self.code.reach(entries_of_run(run)).digests}
        return drop_neutral(run | ({"start": training.start} if training.start else {}))

    def make_average(self, average: Average, seed: int) -> dict[str, Any]:
        """Its members with what their models are; the task's files and metrics are those of the first row."""
        first = average.rows[0]
        run = self.name_run(layout.AVERAGE, average.row, seed) | {
            "encoder": self.encoders[first.encoder],
            "tasks": {task: self._describe_task(task, first) for task in average.tasks},
            "schedule": [],
            "train": {key: first.train[key] for key in MODEL_KEYS},
            "packages": self.packages,
            "average": average.kind,
            "members": [self._describe_member(*member) for member in average.list_members(seed)],
        }
        return drop_neutral(run | {"code": self.code.reach(entries_of_run(run)).digests})

    def _describe_member(self, row: Training, seed: int) -> dict[str, Any]:
        tasks = {task: self._describe_task(task, row) for task in row.heads}
        described = {name: {key: task[key] for key in TASK_KEYS} for name, task in tasks.items()}
        train = {key: row.train[key] for key in MODEL_KEYS}
        model = drop_neutral({"tasks": described, "train": train, "schedule": []})
        return {"row": row.row, "seed": seed, "tasks": model["tasks"], "train": model["train"]}

    def _describe_encoder(self, name: str) -> dict[str, str]:
        folder = locate_encoder(self.params, self.profile, name)
        return {
            "name": name,
            "folder": folder.as_posix(),
            "sha256": hash_file(self.root / folder / "model.safetensors"),
            "config_sha256": hash_file(self.root / folder / "config.json"),  # heads and eps: no trace in the weights
        }

    def _describe_task(self, name: str, training: Training) -> dict[str, Any]:
        task, folder = self.params.tasks[name], self._tokens(training.encoder) / name
        folders = {split: folder / split for split in ("train", "dev")}
        return {
            "head": training.heads[name],
            "num_classes": task.num_classes,
            "label_range": task.label_range,
            "metric": task.metric,
            "text": {
                "sentences": task.sentences,
                "cleaning": task.cleaning,
                "max_length": self.row.data.max_length,
                "lowercase": self.facts[training.encoder].lowercase,
            },
            "tokens": {split: path.as_posix() for split, path in folders.items()},
            "digests": {split: self._hash(path) for split, path in folders.items()},
            "max_train": self.row.max_train.get(name),
        }

    def _tokens(self, encoder: str) -> Path:
        return layout.tokens(self.profile, name_published(self.params, encoder))

    def _hash(self, folder: Path) -> str:
        """Each folder once: several rows read it."""
        if folder not in self.digests:
            self.digests[folder] = hash_folder(self.root / folder)
        return self.digests[folder]


def read_training_lock(path: Path) -> dict[str, str]:
    """The locked versions of the packages that can change a result, build tags such as `+cpu` left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pins = dict(line.split("#")[0].strip().split("==", 1) for line in lines if "==" in line.split("#")[0])
    missing = [package for package in TRAINING_PACKAGES if package not in pins]
    if missing:
        raise ValueError(f"{path}: no line NAME==VERSION for {', '.join(missing)}")
    return {package: pins[package].split("+")[0] for package in TRAINING_PACKAGES}
