"""The types of a record's fields and of plan's index, for what comes from another machine; training needs no pydantic.

Where a record of this machine is shown (pipeline/tracking) it is held to the same.
"""

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from pipeline.runs.events import CONTEXTS, KINDS
from pipeline.runs.record import STATUSES, VERSION

NAME = r"^[a-z0-9]+(?:_[a-z0-9]+)*$"  # of a profile, row or task, as pipeline/config/schema.py has it
KEY = r"^[\w.:/ -]+$"  # of a param, tag or metric (mlflow/utils/validation.py)
MAX_KEYS, MAX_RUNS = 10_000, 10_000  # of a dictionary, of a plan
MAX_COUNT = 2**53  # of steps, milliseconds, examples: what a database and a float hold exactly


def _stays_below(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("allowed: a path below the project's root")
    return path


def _is_key(key: str) -> str:
    if posixpath.normpath(key) != key or key.startswith(("/", "..")) or key == ".":
        raise ValueError("allowed: a name that MLflow can show")
    return key


def _are_counts(point: list[float]) -> list[float]:
    if not all(0 <= count <= MAX_COUNT and count == int(count) for count in point[:2]):
        raise ValueError(f"allowed: [step, time, value], the first two whole numbers from 0 to {MAX_COUNT}")
    return point


Name = Annotated[str, Field(pattern=NAME, max_length=100)]  # as in pipeline/config/schema.py: a file's name
Key = Annotated[str, Field(pattern=KEY, max_length=250), AfterValidator(_is_key)]
Seed = Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Point = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3), AfterValidator(_are_counts)]
Scalar = str | bool | int | FiniteFloat | None


class Strict(BaseModel):
    """No conversion, no key that is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Dataset(Strict):
    name: Key
    digest: str
    source: str
    num_examples: Count
    context: Literal[CONTEXTS]


class Record(Strict):
    """A run record of version 2."""

    version: Literal[VERSION]
    kind: Literal[KINDS]
    profile: Name
    phase: Name
    row: Name
    seed: Seed | None
    run_key: Annotated[str, Field(min_length=1, max_length=64)]
    status: Literal[STATUSES]
    start_time: Count  # milliseconds since 1970
    end_time: Count
    params: dict[Key, Scalar]
    tags: dict[Key, str]
    metrics: dict[Key, Annotated[list[Point], Field(fail_fast=True)]]
    datasets: Annotated[list[Dataset], Field(fail_fast=True)]
    artifacts: Annotated[list[Annotated[str, AfterValidator(_stays_below)]], Field(fail_fast=True)]
    environment: dict[Key, str]
    replay: dict[str, Any]


Seeds = Annotated[list[Seed], Field(fail_fast=True)]


class Row(BaseModel):
    model_config = ConfigDict(strict=True)

    row: Name
    seeds: Seeds | None = None


class Plan(BaseModel):
    """What must be in plan's index; tables ask for more."""

    model_config = ConfigDict(strict=True)

    profile: Name
    seeds: Seeds
    part1: Annotated[list[Row], Field(fail_fast=True)]
    phase1: Annotated[list[Row], Field(fail_fast=True)]
    phase2: Annotated[list[Row], Field(fail_fast=True)]

    @model_validator(mode="after")
    def _count_runs(self) -> Self:
        rows = [*self.part1, *self.phase1, *self.phase2]
        if sum(len(self.seeds if row.seeds is None else row.seeds) for row in rows) > MAX_RUNS:
            raise ValueError(f"allowed: {MAX_RUNS} runs")
        return self


def find_faults(content: Any, model: type[BaseModel] = Record) -> list[str]:
    """A line for each field that is not as `model` has it, which names the field and what is allowed.

    Of a list the first fault; a dictionary of more than `MAX_KEYS` is one, or there would be millions.
    """
    if large := [key for key, value in _list_fields(content) if isinstance(value, dict) and len(value) > MAX_KEYS]:
        return [f"{key}: more than {MAX_KEYS} keys" for key in large]
    try:
        model.model_validate(content)
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return []


def _list_fields(content: Any) -> Iterator[tuple[str, Any]]:
    """A record's or an index's fields, and what is in their lists; a replay may be of any form."""
    fields = {key: value for key, value in content.items() if key != "replay"} if isinstance(content, dict) else {}
    yield from fields.items()
    yield from ((key, item) for key, value in fields.items() if isinstance(value, list) for item in value)
