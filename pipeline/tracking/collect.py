"""Finding what there is to show: finished records, imported ones, and the event files of runs that are going on."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.files.atomic import read_json
from pipeline.runs.events import read_events
from pipeline.runs.record import build_record, read_record

RECORD_PATTERNS = ("artifacts/{profile}/records/**/record.json", "artifacts/{profile}/summary/record.json")
IMPORTED_PATTERNS = (
    "results/{profile}/imported/records/**/record.json",
    "results/{profile}/imported/summary/record.json",
)

PLAN_PATTERNS = ("artifacts/{profile}/plan/index.json", "results/{profile}/imported/plan/index.json")

# A run logs every few seconds and is evaluated every few minutes: one that was silent for this long was killed.
SILENCE_MS = 30 * 60 * 1000

Found = list[tuple[dict[str, Any], Path]]


@dataclass(frozen=True)
class Plan:
    """What plan's index says of rows and seeds; `index` is None where there is none, which leaves everything open."""

    index: dict[str, Any] | None = None

    def find_row(self, record: dict[str, Any]) -> dict[str, Any]:
        """The index's entry of a record's row, with its `place` among the phase's; empty where it has none."""
        rows = (self.index or {}).get(record["phase"].removeprefix("eval_"), [])
        return next((row | {"place": place} for place, row in enumerate(rows) if row["row"] == record["row"]), {})

    def has(self, record: dict[str, Any]) -> bool:
        """Whether a record is of a row and seed that the tables are made of, or is no training."""
        if self.index is None or record["seed"] is None:
            return True
        return bool(self.find_row(record)) and record["seed"] in self.index["seeds"]


def find_record_files(root: Path, profile: str | None = None) -> list[Path]:
    """Every record file below the project root (or only one profile's), the local ones first."""
    patterns = [pattern.format(profile=profile or "*") for pattern in (*RECORD_PATTERNS, *IMPORTED_PATTERNS)]
    return [path for pattern in patterns for path in sorted(Path(root).glob(pattern))]


def collect_records(root: Path, profile: str | None = None) -> tuple[Found, list[str]]:
    """Read all records; return them, each with its folder, and one line about each file that cannot be read.

    An imported record gets the tag imported = true; a local record of the same kind and run key takes its place.
    """
    found: dict[tuple[str, str, str], tuple[dict[str, Any], Path]] = {}
    problems = []
    for path in find_record_files(root, profile):
        try:
            record = read_record(path)
        except ValueError as error:
            problems.append(str(error))
            continue
        if "imported" in path.relative_to(root).parts[:3]:
            record["tags"]["imported"] = "true"
        found.setdefault((record["profile"], record["kind"], record["run_key"]), (record, path.parent))
    return list(found.values()), problems


def read_plans(root: Path, profiles: Collection[str]) -> dict[str, Plan]:
    """The plan of each profile that has one, the local before an imported one; `ValueError` for a broken file."""
    plans = {}
    for profile in profiles:
        paths = [Path(root) / pattern.format(profile=profile) for pattern in PLAN_PATTERNS]
        plans[profile] = next((Plan(read_json(path)) for path in paths if path.is_file()), Plan())
    return plans


def collect_live(root: Path, recorded: Collection[str] = ()) -> tuple[Found, list[str]]:
    """Read the event files below `.work/` of runs that are not in `recorded` (run keys whose record is there).

    Returned as by `collect_records`; a run that has been silent for `SILENCE_MS` gets the status "killed".
    """
    found, problems = [], []
    for path in sorted((Path(root) / ".work").glob("*/events.jsonl")):
        try:
            events = read_events(path)
            record = build_record(events) if events else None
        except (ValueError, KeyError) as error:
            problems.append(str(error) if isinstance(error, ValueError) else f"{path}: an event lacks {error}")
            continue
        if record is None or record["run_key"] in recorded:
            continue
        if record["status"] == "running" and time.time() * 1000 - record["end_time"] > SILENCE_MS:
            record["status"] = "killed"
        found.append((record, path.parent))
    return found, problems
