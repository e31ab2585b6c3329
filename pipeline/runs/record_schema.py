"""The types of a record's fields and of plan's index, for what comes from another machine; training needs no pydantic.

Where a record of this machine is shown (pipeline/tracking) it is held to the same.
"""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, ValidationError

from pipeline.runs.events import CONTEXTS, KINDS
from pipeline.runs.record import STATUSES, VERSION

NAME = r"^[a-z0-9]+(?:_[a-z0-9]+)*$"  # of a profile, row or task, as pipeline/config/schema.py has it


def _stays_below(path: str) -> str:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError("allowed: a path below the project's root")
    return path


Name = Annotated[str, Field(pattern=NAME)]
Scalar = str | bool | int | FiniteFloat | None


class Strict(BaseModel):
    """No conversion, no key that is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Dataset(Strict):
    name: str
    digest: str
    source: str
    num_examples: int
    context: Literal[CONTEXTS]


class Record(Strict):
    """A run record of version 2."""

    version: Literal[VERSION]
    kind: Literal[KINDS]
    profile: Name
    phase: Name
    row: Name
    seed: int | None
    run_key: Annotated[str, Field(min_length=1)]
    status: Literal[STATUSES]
    start_time: NonNegativeInt  # milliseconds since 1970
    end_time: NonNegativeInt
    params: dict[str, Scalar]
    tags: dict[str, str]
    metrics: dict[str, list[Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]]]  # step, time, value
    datasets: list[Dataset]
    artifacts: list[Annotated[str, AfterValidator(_stays_below)]]
    environment: dict[str, str]
    replay: dict[str, Any]


class Row(BaseModel):
    row: Name


class Plan(BaseModel):
    """What must be in plan's index; tables ask for more."""

    model_config = ConfigDict(strict=True)

    profile: Name
    seeds: list[int]
    part1: list[Row]
    phase1: list[Row]
    phase2: list[Row]


def find_faults(content: Any, model: type[BaseModel] = Record) -> list[str]:
    """A line for each field that is not as `model` has it, which names the field and what is allowed."""
    try:
        model.model_validate(content)
    except ValidationError as error:
        return [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
    return []
