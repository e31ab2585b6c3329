"""What there is to show: the index of every profile, each record held to its schema."""

from pathlib import Path

from pipeline.runs.index import Index, read_index
from pipeline.runs.record_files import list_profiles
from pipeline.runs.record_schema import find_faults


def collect(root: Path, profile: str | None = None) -> tuple[list[Index], list[str]]:
    """The index of each profile that has records, or of one; and a line about each file that cannot be read."""
    indexes = [read_index(root, name, find_faults) for name in ([profile] if profile else list_profiles(root))]
    return indexes, [problem for index in indexes for problem in index.problems]
