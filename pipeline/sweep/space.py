"""What a sweep searches: keys of a row of params.yaml, a range each; and the row with numbers in their place."""

import re
from dataclasses import dataclass
from typing import Any

NUM_DIGITS = 3  # of a number that is tried: as many as a row in params.yaml should have
FORM = re.compile(r"(?P<key>[^=\s]+)=(?P<low>\S+?)\.\.(?P<high>[^\s:]+)(?P<log>:log)?")
WHOLE = re.compile(r"[-+]?\d+")

Number = int | float


@dataclass(frozen=True)
class Range:
    """A key of the row, such as `schedule.0.loss_weights.sts`, from `low` to `high`; whole numbers if both are."""

    key: str
    low: Number
    high: Number
    is_log: bool

    @property
    def is_whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def round(self, drawn: Number) -> Number:
        """What is tried for a number that was drawn."""
        return drawn if self.is_whole else min(max(float(f"{drawn:.{NUM_DIGITS}g}"), self.low), self.high)


def read_ranges(texts: list[str]) -> list[Range]:
    """The ranges of `KEY=LOW..HIGH` and `KEY=LOW..HIGH:log`."""
    ranges = [_read_range(text) for text in texts]
    if len({one.key for one in ranges}) < len(ranges):
        raise ValueError(f"--search {' '.join(texts)}: allowed: each key once")
    return ranges


def _read_range(text: str) -> Range:
    found = FORM.fullmatch(text)
    try:
        bounds = found.group("low", "high") if found else ()
        low, high = (int(bound) if WHOLE.fullmatch(bound) else float(bound) for bound in bounds)
        if not low < high < float("inf") or (found["log"] and low <= 0):
            raise ValueError
    except ValueError:
        allowed = "KEY=LOW..HIGH, numbers, LOW below HIGH; or KEY=LOW..HIGH:log, both above 0"
        raise ValueError(f"--search {text}: allowed: {allowed}") from None
    return Range(found["key"], low, high, bool(found["log"]))


def put(row: dict[str, Any], values: dict[str, Number]) -> dict[str, Any]:
    """A copy of a row with these numbers at their keys; sections that it does not have are made.

    A choice without options, `combine: NAME`, becomes `combine: {NAME: {option: value}}`.
    """
    for key, value in values.items():
        row = _put(row, key.split("."), value, key)
    return row


def _put(section: Any, keys: list[str], value: Number, where: str) -> Any:
    if not keys:
        return value
    key, *rest = keys
    if isinstance(section, list):
        if key not in map(str, range(len(section))):
            raise ValueError(f"--search {where}: {key!r}; allowed: 0 to {len(section) - 1}")
        return [_put(item, rest, value, where) if key == str(place) else item for place, item in enumerate(section)]
    section = {} if section in (None, key) else section
    if not isinstance(section, dict):
        raise ValueError(f"--search {where}: the row has {section!r} where {key!r} should be")
    return section | {key: _put(section.get(key), rest, value, where)}
