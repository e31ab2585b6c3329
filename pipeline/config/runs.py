"""The run file of each (phase, row, seed): everything that decides its result, and nothing else.

Defaults are merged, notes and paper values dropped, and the contents of what it reads are in it as hashes: so a run
file changes exactly when its run has to be done again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.config.params import choose_profile, scheduled_tasks
from pipeline.config.schema import Params, Recipe, Task, TrainOverride
from pipeline.files.digest import hash_file, hash_files, hash_folder
from pipeline.runs import layout
from pipeline.runs.neutral import drop_neutral

VERSION = 1

# The code that decides a trained model's weights; dvc.yaml's training stages depend on the same (a test holds it).
TRAINING_CODE = (
    "model",
    "pipeline/evaluation",
    "pipeline/data",
    "pipeline/files",
    "pipeline/runs",
    "pipeline/training",
    "stages/train.py",
)

# The packages whose version can change a result: the training lock.
TRAINING_PACKAGES = ("torch", "numpy", "tokenizers", "safetensors")


def make_runs(params: Params, profile: str, root: Path = Path(".")) -> Iterator[dict[str, Any]]:
    """Every run of `profile`: part 1 (task x mode x seed), phase 1 (recipe x seed), phase 2 (row x seed).

    The profile's tokens and encoder must be there: their hashes go into the runs.
    """
    inputs = _Inputs(params, profile, root)
    for seed in params.seeds:
        for task, part1_task in params.part1.tasks.items():
            for mode, part1_mode in params.part1.modes.items():
                epochs = inputs.row.part1_epochs
                schedule = [{"tasks": [task], "epochs": epochs, "encoder": part1_mode.encoder, "combine": "sum"}]
                overrides = [part1_task.train, part1_mode.train]
                yield inputs.make_run("part1", f"{task}_{mode}", seed, [task], {}, schedule, overrides)
        for name, recipe in params.phase1.items():
            yield inputs.make_recipe_run("phase1", name, seed, recipe, scheduled_tasks(recipe.schedule))
        for name, row in params.iterations.items():
            run = inputs.make_recipe_run("phase2", name, seed, row, row.tasks or scheduled_tasks(row.schedule))
            yield run | {"start": row.start}


class _Inputs:
    """What the runs of one profile share."""

    def __init__(self, params: Params, profile: str, root: Path) -> None:
        self.params, self.profile = params, profile
        self.row = choose_profile(params, profile)
        self.code = hash_code(root)
        self.packages = read_training_lock(root / "requirements.lock")
        folder = layout.encoder(profile)
        self.encoder = {
            "name": self.row.encoder,
            "folder": folder.as_posix(),
            "sha256": hash_file(root / folder / "model.safetensors"),
            "config_sha256": hash_file(root / folder / "config.json"),  # heads and eps leave no trace in the weights
        }
        rows = [*params.phase1.values(), *params.iterations.values()]
        used = {task for row in rows for task in row_tasks(row)}
        self.digests = {
            task: {split: hash_folder(root / layout.tokens(profile) / task / split) for split in ("train", "dev")}
            for task in used | set(params.part1.tasks)
        }

    def make_recipe_run(self, phase: str, name: str, seed: int, recipe: Recipe, tasks: list[str]) -> dict[str, Any]:
        schedule = [leg.model_dump() for leg in recipe.schedule]
        return self.make_run(phase, name, seed, tasks, recipe.heads, schedule, [recipe.train])

    def make_run(
        self,
        phase: str,
        row: str,
        seed: int,
        tasks: Iterable[str],
        heads: dict[str, str],
        schedule: list[dict[str, Any]],
        overrides: list[TrainOverride],
    ) -> dict[str, Any]:
        train = self.params.train.model_dump()
        for override in (self.row.train, *overrides):
            train |= override.model_dump(exclude_unset=True)
        run = {
            "version": VERSION,
            "profile": self.profile,
            "phase": phase,
            "row": row,
            "seed": seed,
            "encoder": self.encoder,
            "tasks": {task: self._describe_task(task, self.params.tasks[task], heads) for task in tasks},
            "schedule": schedule,
            "train": train,
            "curve_examples": self.row.curve_examples,
            "code": self.code,
            "packages": self.packages,
        }
        return drop_neutral(run)

    def _describe_task(self, name: str, task: Task, heads: dict[str, str]) -> dict[str, Any]:
        folder = layout.tokens(self.profile) / name
        return {
            "head": heads.get(name, task.head),
            "num_classes": task.num_classes,
            **({"label_range": task.label_range} if task.label_range else {}),
            "metric": task.metric,
            "text": {
                "sentences": task.sentences,
                "cleaning": task.cleaning,
                "max_length": self.row.data.max_length,
            },
            "tokens": {split: (folder / split).as_posix() for split in ("train", "dev")},
            "digests": self.digests[name],
            "max_train": self.row.max_train.get(name),
        }


def row_tasks(row: Recipe) -> list[str]:
    """The tasks that a recipe or a row evaluates."""
    return getattr(row, "tasks", None) or scheduled_tasks(row.schedule)


def hash_code(root: Path) -> str:
    """The content hash of the training code."""
    files = [
        file
        for name in TRAINING_CODE
        for file in ([root / name] if name.endswith(".py") else (root / name).rglob("*.py"))
    ]
    return hash_files(files, root)


def read_training_lock(path: Path) -> dict[str, str]:
    """The locked versions of the packages that can change a result, build tags such as `+cpu` left out."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    pins = dict(line.split("#")[0].strip().split("==", 1) for line in lines if "==" in line.split("#")[0])
    missing = [package for package in TRAINING_PACKAGES if package not in pins]
    if missing:
        raise ValueError(f"{path}: no line NAME==VERSION for {', '.join(missing)}")
    return {package: pins[package].split("+")[0] for package in TRAINING_PACKAGES}
