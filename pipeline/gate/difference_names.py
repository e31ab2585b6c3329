"""What the two names of a comparison mean: rows of a profile, git revisions, or MLflow runs."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.gate.difference_side import Side, from_mlflow, group_runs, read_side
from pipeline.gate.revision import find_revision, write_revision

if TYPE_CHECKING:
    from pipeline.tracking.read_back import StoredRun

KINDS = ("row", "rev", "run")
RUN_ID = re.compile(r"[0-9a-f]{32}")


def resolve(name: str, profile: str, root: Path, work: Path) -> tuple[str, Side]:
    """The kind and the side that `name` means, `work` being a folder for what must be fetched.

    `row:NAME`, `rev:NAME` and `run:ID` say it outright. A name that means nothing, or two things, is a `ValueError`.
    """
    kind, _, rest = name.partition(":")
    prefixed = kind in KINDS and bool(rest)
    kinds, bare = ((kind,), rest) if prefixed else (KINDS, name)
    row = read_side(name, root, profile, [bare]) if "row" in kinds else None
    found = {}
    if row and row.rows:
        found["row"] = row
    if "rev" in kinds and (commit := find_revision(bare, root)):
        found["rev"] = commit
    if "run" in kinds and (prefixed or RUN_ID.fullmatch(bare)) and (stored := _ask_mlflow(bare, root, work)):
        found["run"] = from_mlflow(stored)
    if len(found) > 1:
        raise ValueError(f"{name!r} is ambiguous; allowed: {' or '.join(f'{kind}:{bare}' for kind in found)}")
    if not found:
        rows = sorted({row for _, row in read_side("", root, profile).rows})
        raise ValueError(f"{name!r} is unknown; allowed: a git revision, an MLflow run's id, or a row that profile "
                         f"{profile!r} has results of: {', '.join(rows) or 'none yet'}")  # fmt: skip
    ((kind, what),) = found.items()
    match kind:
        case "rev":
            target = work / what
            missing = write_revision(what, profile, root, target)
            side = read_side(name, target, profile)
            return kind, Side(f"{name} ({what[:7]})", side.rows, missing + side.missing)
        case "run":
            return kind, Side(f"{what.row}-{what.seed} ({bare[:7]})", group_runs([what]))
        case _:
            return kind, what


def _ask_mlflow(run_id: str, root: Path, work: Path) -> "StoredRun | None":
    from pipeline.tracking.read_back import read_run  # MLflow takes seconds to import
    from pipeline.tracking.store import StoreUnavailable

    try:
        return read_run(run_id, root, work)
    except StoreUnavailable as error:
        raise ValueError(str(error)) from None


def resolve_pair(one: str, other: str, profile: str, root: Path, work: Path) -> tuple[Side, Side]:
    """Both sides; a revision with anything but a revision is a `ValueError`, since it has many rows."""
    (kind, side), (other_kind, other_side) = (resolve(name, profile, root, work) for name in (one, other))
    if (kind == "rev") != (other_kind == "rev"):
        raise ValueError(f"{one!r} and {other!r} are no pair; allowed: two rows, two git revisions, or two MLflow runs")
    return side, other_side
