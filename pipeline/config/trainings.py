"""Every training of a profile with its defaults merged, and what does not fit between a row and what it starts from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.combine import COMBINERS
from model.heads import HEADS
from model.pretrained import read_config
from model.reading import find_reading, joined
from model.registry import split_choice
from pipeline.config.choices import OWN, drop_defaults, shorten, shorten_train
from pipeline.config.schema import Choice, Params, Recipe, TrainOverride
from pipeline.config.selection import (
    choose_profile,
    list_encoders,
    list_recipes,
    list_rows,
    list_seeds,
    locate_encoder,
    name_published,
    row_tasks,
)
from pipeline.data.encoders import EncoderFacts, read_encoder
from pipeline.training.mixing import trains_together
from pipeline.training.pseudo_labels import choose_confident


@dataclass(frozen=True)
class Training:
    """One row of table 1, recipe of phase 1 or row of table 2, the seed apart."""

    phase: str
    row: str
    encoder: str
    heads: dict[str, Choice]  # one for each task
    schedule: list[dict[str, Any]]
    train: dict[str, Any]  # its pooling is None where it is the encoder's own and nothing says what that is
    start: str | None  # in phase 2: the encoder or a recipe
    control: str | None  # in phase 2: the row it is compared with
    seeds: list[int]
    pseudo_labels: dict[str, dict[str, Any]]  # in phase 2: options by task

    @property
    def where(self) -> str:
        """The key of params.yaml."""
        return f"{'iterations' if self.phase == 'phase2' else self.phase}.{self.row}"


def read_facts(params: Params, profile: str, root: Path) -> dict[str, EncoderFacts]:
    """The facts of every encoder that the profile uses, whose files must be there; what is wrong is a `ValueError`."""
    facts, max_length = {}, choose_profile(params, profile).data.max_length
    for name in list_encoders(params, profile):
        folder, published = root / locate_encoder(params, profile, name), name_published(params, name)
        facts[name] = read_encoder(published, params.encoders[published], folder)
        read_config(folder)  # what the model does not compute is refused here, not when a run starts
        if max_length > (longest := facts[name].max_positions):
            where = f"profiles.{profile}.data.max_length"
            raise ValueError(f"{where}: {max_length} is more than the {longest} positions of the encoder {name}")
    return facts


def list_trainings(params: Params, profile: str, facts: dict[str, EncoderFacts]) -> Iterator[Training]:
    """Those of part 1, then the recipes, then the rows, in their order."""
    row = choose_profile(params, profile)

    def make(
        phase: str,
        name: str,
        recipe: Recipe | None,
        tasks: Iterable[str],
        schedule: list[dict[str, Any]],
        overrides: list[TrainOverride],
    ) -> Training:
        encoder = (recipe and recipe.encoder) or row.encoder
        train = params.train.model_dump()
        for override in (row.train, *overrides):
            train |= override.model_dump(exclude_unset=True)
        if train["pooling"] == OWN:
            train |= {"pooling": facts[encoder].pooling}
        heads = {task: (recipe.heads if recipe else {}).get(task, params.tasks[task].head) for task in tasks}
        heads = {task: shorten(HEADS, choice) for task, choice in heads.items()}
        if train["keep"] != "best":
            train |= {"selection_fraction": None}  # nothing is held out
        start, control = getattr(recipe, "start", None), getattr(recipe, "control", None)
        seeds = list_seeds(params, profile, phase, name)
        labels = getattr(recipe, "pseudo_labels", {})
        labels = {task: drop_defaults(choose_confident, options) for task, options in labels.items()}
        return Training(phase, name, encoder, heads, schedule, shorten_train(train), start, control, seeds, labels)

    for task, part1_task in params.part1.tasks.items():
        for mode, part1_mode in params.part1.modes.items():
            leg = {"tasks": [task], "epochs": row.part1_epochs, "encoder": part1_mode.encoder, "combine": "sum"}
            yield make("part1", f"{task}_{mode}", None, [task], [leg], [part1_task.train, part1_mode.train])
    for phase, recipes in (("phase1", list_recipes(params, profile)), ("phase2", list_rows(params))):
        for name, recipe in recipes.items():
            legs = [leg.model_dump() | {"combine": shorten(COMBINERS, leg.combine)} for leg in recipe.schedule]
            yield make(phase, name, recipe, row_tasks(recipe), legs, [recipe.train])


def find_training_faults(trainings: list[Training], facts: dict[str, EncoderFacts]) -> Iterator[str]:
    """Poolings that nothing knows; one gradient combined; rows whose model is not the one that their recipe trains."""
    recipes = {training.row: training for training in trainings if training.phase == "phase1"}
    for training in trainings:
        if training.train["pooling"] is None:
            files = f"write encoders.{training.encoder}.pooling or pin {training.encoder}/1_Pooling/config.json"
            yield f"{training.where}.train.pooling: nothing says how the encoder {training.encoder} pools; {files}"
        if training.train["world_size"] > training.train["batch_size"]:
            allowed = f"at most batch_size, {training.train['batch_size']}"
            yield f"{training.where}.train.world_size: {training.train['world_size']} processes; allowed: {allowed}"
        if training.train["world_size"] > 1 and training.pseudo_labels:
            yield f"{training.where}.train.world_size: one process gives pseudo_labels; allowed: 1"
        if training.train["patience"] is not None and training.train["keep"] == "last":
            yield f"{training.where}.train.patience: with keep: last no epoch has a score; allowed: null"
        num_types = facts[training.encoder].num_token_types
        for task, choice in training.heads.items():
            if find_reading(HEADS[split_choice(choice)[0]]) is joined and num_types < 2:
                needs = f"it needs token types 0 and 1, the encoder {training.encoder} has {num_types}"
                yield f"{training.where}.heads.{task}: {choice}: {needs}"
        for number, leg in enumerate(training.schedule if not trains_together(training.train["mixing"]) else []):
            if len(leg["tasks"]) > 1 and split_choice(leg["combine"])[0] != "sum":
                why = f"a step of mixing {split_choice(training.train['mixing'])[0]} has one gradient, none to combine"
                yield f"{training.where}.schedule.{number}.combine: {why}; allowed: sum"
        if training.start not in recipes:
            continue
        after, before = (describe_shape(one, facts) for one in (training, recipes[training.start]))
        for key, value in before.items():
            if after.get(key, value) != value:
                yield f"{training.where}.{key}: {after[key]}, but its start {training.start} trains {value}"


def describe_shape(training: Training, facts: dict[str, EncoderFacts]) -> dict[str, Any]:
    """What must agree for one training's weights to be another's start."""
    width = training.train["head_width"] or facts[training.encoder].hidden_size
    shape = {"encoder": training.encoder, "train.pooling": training.train["pooling"], "train.head_width": width}
    return shape | {f"heads.{task}": choice for task, choice in training.heads.items()}
