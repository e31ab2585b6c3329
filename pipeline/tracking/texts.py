"""The text of dev examples by their ids, from the course's csv files; without them ids must do."""

import csv
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from pipeline.files.digest import hash_files

DEV_FILES = "*-dev.csv"  # as the course names them
SEPARATOR = " | "  # between the sentences of a pair


class Texts:
    """The dev files of a corpus folder, each read when it is first asked for; the folder may be missing."""

    def __init__(self, corpus: Path) -> None:
        self._corpus = Path(corpus)
        self._read: dict[Path, dict[str, str]] = {}

    @cached_property
    def digest(self) -> str:
        """The hash of all files that could be asked for."""
        return hash_files(self._corpus.glob(DEV_FILES), self._corpus)

    def find(self, ids: Iterable[str]) -> dict[str, str]:
        """The text of each id, from the one file that has them all; nothing where no file has."""
        wanted = set(ids)
        for path in sorted(self._corpus.glob(DEV_FILES)):
            if path not in self._read:
                self._read[path] = _read_texts(path)
            if wanted <= self._read[path].keys():
                return self._read[path]
        return {}


def _read_texts(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        columns = [name for name in reader.fieldnames or [] if name.startswith("sentence")]
        return {row["id"]: SEPARATOR.join(row[name] or "" for name in columns) for row in reader if "id" in row}
