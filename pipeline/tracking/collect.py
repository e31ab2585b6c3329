"""What there is to show: the index of every profile, each record held to its schema."""

from pathlib import Path

from pipeline.runs.index import Index, read_index
from pipeline.runs.record_files import list_profiles
from pipeline.runs.record_schema import find_faults


def collect(root: Path, profile: str | None = None) -> list[Index]:
    """The index of each profile that has records, or of one; what cannot be read is among an index's problems."""
    return [read_index(root, name, find_faults) for name in ([profile] if profile else list_profiles(root))]


def list_problems(indexes: list[Index]) -> list[str]:
    """One line about each file that cannot be read."""
    return [problem for index in indexes for problem in index.problems]
