"""The course's csv files as they are: tab-separated, csv quoting, every field a string, nothing taken for missing."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Longer than any sentence; an unclosed quote that swallows half a file should be an error, not a sentence.
csv.field_size_limit(131_072)


@dataclass(frozen=True)
class LabelRange:
    """The labels a task allows: numbers from `minimum` to `maximum`, whole ones only where `integer`."""

    minimum: float
    maximum: float
    integer: bool

    def __str__(self) -> str:
        return f"{'an integer' if self.integer else 'a number'} from {self.minimum:g} to {self.maximum:g}"

    def parse(self, text: str) -> float:
        """The label as a number; `ValueError` when it is none or not allowed."""
        value = float(text)
        if not self.minimum <= value <= self.maximum or (self.integer and value != int(value)):
            raise ValueError
        return value


@dataclass(frozen=True)
class Examples:
    """A file's examples, in its order: ids, sentences (a tuple of 1 or 2 per example), labels (None for prediction).

    `unlabelled` names the rows that were left out because they have no label: file, line and id of each.
    """

    ids: list[str]
    sentences: list[tuple[str, ...]]
    labels: list[float] | None
    unlabelled: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def flat_sentences(self) -> list[str]:
        """Sentence s of example i at i*S+s, the order of token files."""
        return [sentence for example in self.sentences for sentence in example]


def read_examples(
    path: Path,
    sentence_columns: Sequence[str],
    label_column: str | None,
    label_values: LabelRange | None,
    needs_ids: bool = True,
) -> Examples:
    """Read a csv in the course's format; columns are found by name, others ignored.

    A row whose label is empty is left out and named in `unlabelled`. With `label_column` None every row comes back.
    Without `needs_ids`, the rows of a file that has no column `id` are numbered from 1.
    A missing or doubled column, a row of another width, a label that is not allowed, and bytes that are not UTF-8 are
    a `ValueError` naming file, line and id. Lines count from 1, the header; a row is named by its first line.
    """
    path = Path(path)
    rows = _read_rows(path)
    _, header = next(rows, (1, []))
    is_numbered = not needs_ids and "id" not in header
    columns = [*([] if is_numbered else ["id"]), *sentence_columns, *([label_column] if label_column else [])]
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise ValueError(f"{path}: line 1: column {doubled[0]!r} is there twice; each name is allowed once")
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(f"{path}: line 1: no column {missing[0]!r}; needed are {columns}, found {header}")
    places = [header.index(name) for name in columns]
    examples = Examples([], [], [] if label_column else None)
    for number, (line, row) in enumerate(rows, start=1):
        if len(row) != len(header):
            row_id = number if is_numbered else row[places[0]] if len(row) > places[0] else "unknown"
            raise ValueError(f"{path}: line {line} (id {row_id}): {len(row)} fields, expected {len(header)}")
        values = [row[place] for place in places]
        row_id = str(number) if is_numbered else values.pop(0)
        if label_column:
            text = values.pop()
            if not text.strip():
                examples.unlabelled.append(f"{path.name} line {line} (id {row_id})")
                continue
            examples.labels.append(_parse_label(path, line, row_id, text, label_column, label_values))
        examples.ids.append(row_id)
        examples.sentences.append(tuple(values))
    return examples


def _parse_label(path: Path, line: int, row_id: str, text: str, column: str, allowed: LabelRange) -> float:
    try:
        return allowed.parse(text)
    except ValueError:
        raise ValueError(f"{path}: line {line} (id {row_id}): {column} is {text!r}, allowed is {allowed}") from None


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows with the line each begins on. Empty lines are skipped, as csv.DictReader, the course's reader, does."""
    line = 0
    try:
        # utf-8-sig: spreadsheets begin a file with a byte order mark, which would end up in the first column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t")
            for row in reader:
                if row:
                    yield line + 1, row
                line = reader.line_num
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except csv.Error as error:
        raise ValueError(f"{path}: the row that begins on line {line + 1} cannot be read ({error})") from None
    except UnicodeDecodeError:
        raise ValueError(_describe_undecodable(path)) from None


def _describe_undecodable(path: Path) -> str:
    # The reader decodes ahead of the row it gives, so the line is found by looking again.
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            begin = line[: error.start].decode()
            return f"{path}: line {number}, after {begin[-60:]!r}: byte 0x{line[error.start]:02x} is not UTF-8"
    return f"{path}: not UTF-8"
