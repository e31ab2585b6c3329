"""The two files that make a run: the run file that plan writes and, in phase 2, the start file; and the run's key.

An average has a start file too, which names the weights of its members.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.files.digest import hash_bytes
from pipeline.files.forms import NAME, check, fields, list_of, mapping, one_of, text, whole
from pipeline.runs import layout
from pipeline.runs.neutral import fill_neutral

OBJECT = mapping(lambda found, key: None)
# What every reader needs; pipeline/runs/run_schema.py has what training needs.
FORM = fields(
    {
        "profile": text(NAME),
        "phase": one_of(*layout.PHASES, layout.AVERAGE),
        "row": text(NAME),
        "seed": whole(),
        "schedule": list_of(OBJECT),
        "tasks": mapping(OBJECT),
        "train": OBJECT,
    },
    others=True,
)


@dataclass(frozen=True)
class Run:
    """A run as its files say it; `key` is the SHA-256 of both, and names its checkpoint and its MLflow run."""

    path: Path
    start_path: Path | None
    spec: dict[str, Any]  # the run file
    start: dict[str, Any] | None  # the start file
    key: str

    @property
    def place(self) -> tuple[str, str, str, int]:
        """(profile, phase, row, seed): what the functions of `layout` take."""
        return self.spec["profile"], self.spec["phase"], self.spec["row"], self.spec["seed"]

    def identity(self, kind: str) -> dict[str, Any]:
        """Who this run is, for an event file."""
        profile, phase, row, seed = self.place
        return {"kind": kind, "profile": profile, "phase": phase, "row": row, "seed": seed, "run_key": self.key}


def read_run(path: Path, root: Path = Path("."), start_path: Path | None = None) -> Run:
    """Read a run file and, where it has one, its start file (below `root` where plan puts it, if no other is named).

    A file that is missing, or is none, is a `ValueError` naming it.
    """
    path = Path(path)
    spec = read_json(path)
    check(spec, FORM, f"{path}: not a run file")
    for name, task in spec["tasks"].items():
        check(task.get("text", {}), OBJECT, f"{path}: not a run file: tasks.{name:.60}.text")
    if spec["phase"] not in layout.START_STAGES:
        start_path = None
    elif start_path is None:
        start_path = root / layout.start_file(spec["profile"], spec["row"], spec["seed"])
    try:
        start = read_json(start_path) if start_path else None
    except ValueError as error:
        raise ValueError(f"{path}: its start file: {error}") from None
    contents = path.read_bytes() + (start_path.read_bytes() if start_path else b"")
    return Run(path, start_path, fill_neutral(spec), start, hash_bytes(contents))
