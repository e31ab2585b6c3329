"""Rows that average others: of which runs, and what does not fit between these."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from pipeline.config.schema import Params
from pipeline.config.selection import choose_profile, list_averages, list_seeds
from pipeline.config.trainings import Training, describe_shape
from pipeline.data.encoders import EncoderFacts
from pipeline.evaluation.saved_model import MODEL_KEYS
from pipeline.runs import layout

# Of what a model's description says of `train`, that in which models may differ whose weights are averaged.
FREE = ("head_width", "head_dropout", "encoder_dropout")  # the width in units is compared, not its key


@dataclass(frozen=True)
class Average:
    """A row of table 2 that averages what other rows trained."""

    row: str
    kind: str  # outputs or weights
    rows: list[Training]  # by name, so that the order in params.yaml does not matter
    is_over_seeds: bool  # all seeds together
    control: str | None
    seeds: list[int]

    @property
    def where(self) -> str:
        """The key of params.yaml."""
        return f"iterations.{self.row}"

    @property
    def tasks(self) -> list[str]:
        """Those that all its rows evaluate."""
        return list(self.rows[0].heads)

    def list_members(self, seed: int) -> list[tuple[Training, int]]:
        """The runs that it averages under a seed, each a row and its seed."""
        return [(row, each) for row in self.rows for each in (sorted(row.seeds) if self.is_over_seeds else [seed])]


def make_averages(params: Params, profile: str, trainings: list[Training]) -> list[Average]:
    """Those of `averages`, in their order."""
    rows = {training.row: training for training in trainings if training.phase == "phase2"}
    return [
        Average(
            name,
            row.average,
            [rows[other] for other in sorted(row.of)],
            row.over == "seeds",
            row.control,
            list_seeds(params, profile, layout.AVERAGE, name),
        )
        for name, row in list_averages(params).items()
    ]


def find_seed_faults(params: Params, profile: str) -> Iterator[str]:
    """Averages that are to run with more seeds than they can."""
    for name in params.averages:
        asked = min(choose_profile(params, profile).num_seeds.get(name, 0), len(params.seeds))
        if asked > (most := len(list_seeds(params, profile, layout.AVERAGE, name))):
            yield f"profiles.{profile}.num_seeds.{name}: {asked}; allowed: at most {most}, by the rows that it is of"


def find_average_faults(averages: list[Average], facts: dict[str, EncoderFacts]) -> Iterator[str]:
    """Rows whose outputs, or whose weights, cannot be averaged.

    Outputs are averaged example by example: of one encoder, whose tokens they share, and of the same tasks. Weights are
    averaged of equal models that began at the same weights, or nearly so: of another start nothing good would come
    (Neyshabur et al. 2020, section 3).
    """
    for average in averages:
        first, *others = average.rows
        for other in others:
            before, after = (_describe(row, average.kind, facts) for row in (first, other))
            for key in before | after:
                if before.get(key) != after.get(key):
                    said = f"{first.row} has {before.get(key, 'none')}, {other.row} has {after.get(key, 'none')}"
                    yield f"{average.where}.of: {key}: {said}; allowed: the same, for an average of {average.kind}"


def _describe(row: Training, kind: str, facts: dict[str, EncoderFacts]) -> dict[str, Any]:
    """What must be the same."""
    shared = {"encoder": row.encoder, "tasks": ", ".join(sorted(row.heads))}
    if kind == "outputs":
        return shared
    model = {f"train.{key}": row.train[key] for key in MODEL_KEYS if key not in FREE}
    return shared | describe_shape(row, facts) | model | {"start": row.start}


def find_unfair_controls(trainings: list[Training], averages: list[Average]) -> Iterator[str]:
    """Rows that choose their epochs by another rule than their control: part of the difference would be the rule's.

    An average has the rules of its rows.
    """
    rows: dict[str, Training | Average] = {row.row: row for row in trainings if row.phase == "phase2"}
    rows |= {average.row: average for average in averages}
    faults = []
    for row in rows.values():
        sides = [one.rows if isinstance(one, Average) else [one] for one in (row, rows.get(row.control)) if one]
        for ours, theirs in product(*sides) if len(sides) == 2 else ():
            for key in ("keep", "selection_fraction"):
                if ours.schedule and theirs.schedule and ours.train[key] != theirs.train[key]:
                    said = f"{ours.train[key]}, but its control {row.control} has {theirs.train[key]}"
                    faults.append(f"{row.where}.train.{key}: {said}")
    yield from dict.fromkeys(faults)
