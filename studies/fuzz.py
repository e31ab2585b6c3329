"""Damaged and foreign files, drawn by seed: every reader gives what it read, or a `ValueError` that names the file.

`make fuzz N=100000` runs it on the ten kinds of files that tests/studies/test_fuzz.py has readers for.
"""

import json
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SECONDS = 10.0  # in which a reader has to be done with a small file
# Values that a field is not made for.
ODD = (
    None, True, -1, 0, 10**30, 1e308, -1e-308, 0.5, "", "x", "../../x", "/etc/hostname", "\0", "\ud800", "\u202e",
    [], {}, [[[[]]]], {"": {}}, "NaN", "9" * 400,
)  # fmt: skip
TOKENS = (*(bytes([code]) for code in b"\0\xff\n\r\t\"'{}[]:,-#&*!|>%@`"), b"1e999", b"NaN", b"\r\n", b"<<: ")
DEEP, LONG = b"[" * 3000, b"9" * 5000


@dataclass(frozen=True)
class Kind:
    """A kind of file: whole ones (the name that one has and its bytes), and a reader of what lies at that name.

    What is packed is changed before it is packed.
    """

    name: str
    samples: list[tuple[Path, bytes]]
    read: Callable[[Path], object]
    pack: Callable[[Path, bytes], bytes] = lambda path, content: content


@dataclass
class Tally:
    """What came of the tries of a kind; a finding is an error and where it was raised."""

    accepted: int = 0
    refused: int = 0
    findings: Counter[str] = field(default_factory=Counter)


def fuzz(kinds: list[Kind], number: int, seed: int = 0) -> dict[str, Tally]:
    """Read `number` changed files, of each kind in turn; each is put back."""
    tallies = {kind.name: Tally() for kind in kinds}
    for place in range(number):
        kind, random = kinds[place % len(kinds)], Random(f"{seed}/{place}")
        path, whole = random.choice(kind.samples)
        path.unlink(missing_ok=True)
        path.write_bytes(kind.pack(path, change(whole, random)))
        start = time.perf_counter()
        try:
            finding = _try(kind, path, tallies[kind.name])
        finally:
            path.write_bytes(kind.pack(path, whole))
        seconds = time.perf_counter() - start
        if finding or seconds > SECONDS:
            tallies[kind.name].findings[finding or f"{seconds:.0f} seconds"] += 1
            print(f"{kind.name} {seed}/{place}: {finding or f'{seconds:.0f} seconds'}", flush=True)
    return tallies


def _try(kind: Kind, path: Path, tally: Tally) -> str | None:
    try:
        kind.read(path)
    except ValueError as error:
        tally.refused += 1
        return None if path.name in str(error) or path.parent.name in str(error) else f"no file in: {str(error)[:100]}"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:100]} ({Path(last.filename).name}:{last.lineno})"
    tally.accepted += 1
    return None


def change(content: bytes, random: Random) -> bytes:
    """The content with one to four changes: of bytes, or of values where it is JSON."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        parts = _change_json(content, random) if random.random() < 0.5 else None
        content = parts if parts is not None else _change_bytes(content, random)
    return content


def _change_bytes(content: bytes, random: Random) -> bytes:
    first, last = sorted(random.randrange(len(content) + 1) for _ in range(2))
    last = min(last, first + random.choice((1, 4, 64, 4096)))
    match random.randrange(8):
        case 0:
            return content[:first]
        case 1:
            return content[:first] + content[last:]
        case 2:
            return content[:last] + content[first:]
        case 3:
            return content[:first] + random.choice(TOKENS) + content[first:]
        case 4:
            return content[:first] + random.choice((DEEP, LONG, random.randbytes(64))) + content[first:]
        case 5:
            return content[:first] + bytes(last - first) + content[last:]
    changed = bytearray(content or b"\0")
    changed[min(first, len(changed) - 1)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _change_json(content: bytes, random: Random) -> bytes | None:
    """One value of a JSON file, or of a line of one, for another; None where there is no JSON."""
    lines = content.split(b"\n") if content.count(b"\n{") > 1 and not content.startswith(b"{\n") else [content]
    place = random.randrange(len(lines))
    try:
        whole = json.loads(lines[place])
    except (ValueError, RecursionError):
        return None
    spots = list(_list_spots(whole)) or [None]
    spot = random.choice(spots)
    if spot is None:
        whole = random.choice(ODD)
    else:
        holder, key = spot
        match random.randrange(4):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[random.choice(("", "x", "version", "../x"))] = holder.pop(key)
            case 2:
                holder[key] = random.choice(random.choice(spots)[0:1])
            case _:
                holder[key] = random.choice(ODD)
    try:
        lines[place] = json.dumps(whole).encode()
    except (ValueError, RecursionError):  # a list in itself
        return None
    return b"\n".join(lines)


def _list_spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (list or object, key) of what JSON holds."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _list_spots(inner)


def render(tallies: dict[str, Tally]) -> str:
    """A line for each kind."""
    lines = [
        f"{name:12} {tally.accepted:7} read {tally.refused:7} refused {tally.findings.total():5} findings"
        for name, tally in tallies.items()
    ]
    return "\n".join(lines)
