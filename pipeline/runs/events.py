"""The event file of a run that is going on: JSON lines, appended, readable at any moment, put back on resuming."""

import json
import math
import time
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.runs.environment import environment

KINDS = ("training", "evaluation", "data", "summary")
IDENTITY_KEYS = ("kind", "profile", "phase", "row", "seed", "run_key")
CONTEXTS = ("train", "dev", "encoder", "raw")
END_STATUSES = ("finished", "failed", "killed")


class EventLog:
    """Appends a run's events. Every line is flushed, so that a reader follows live.

    A block that raises before `finish` ends the log with status "failed" ("killed" for an interrupt).
    """

    def __init__(self, path: Path, mode: str) -> None:
        """Open the file; callers use `start` or `resume`."""
        self._path = Path(path)
        self._file = self._path.open(mode)
        self._finished = False

    @classmethod
    def start(cls, path: Path, identity: dict[str, Any]) -> Self:
        """Begin a new file (one that is there is replaced) with who the run is and where it runs.

        `identity` has the keys kind (training, evaluation, data, summary), profile, phase, row, seed, run_key.
        """
        check_identity(identity, where=str(path))
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = cls(path, "wb")
        log._append("start", identity=identity, environment=environment())
        return log

    @classmethod
    def resume(cls, path: Path, content: bytes) -> Self:
        """Write a file that a checkpoint remembered, whatever has become of it, and append to it."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        log = cls(path, "wb")
        log._file.write(content)
        log._file.flush()
        return log

    def params(self, params: dict[str, Any]) -> None:
        """What the run was told; may be nested, the record flattens it with dots."""
        self._append("params", params=params)

    def tags(self, tags: dict[str, str]) -> None:
        """Words about the run, for filtering."""
        self._append("tags", tags={key: str(value) for key, value in tags.items()})

    def metrics(self, metrics: dict[str, float], step: int) -> None:
        """Measured numbers at `step`; one that is not a finite number is a `ValueError`."""
        if type(step) is not int or step < 0:
            raise ValueError(f"{self._path}: step {step!r} is not a count of steps")
        for key, value in metrics.items():
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ValueError(f"{self._path}: metric {key} is {value!r} at step {step}; allowed: finite numbers")
        self._append("metrics", step=step, metrics={key: float(value) for key, value in metrics.items()})

    def dataset(self, name: str, digest: str, source: str, num_examples: int, context: str) -> None:
        """A dataset that the run read: content hash, where it is from, and its part: train, dev, encoder or raw."""
        if context not in CONTEXTS:
            raise ValueError(f"{self._path}: dataset {name}: context {context!r}; allowed: {', '.join(CONTEXTS)}")
        dataset = {"name": name, "digest": digest, "source": source, "num_examples": num_examples, "context": context}
        self._append("dataset", dataset=dataset)

    def artifact(self, path: Path | str) -> None:
        """A file that the run wrote, as a path relative to the project root."""
        if Path(path).is_absolute():
            raise ValueError(f"{self._path}: artifact {path}: not relative to the project root")
        self._append("artifact", path=Path(path).as_posix())

    def replay(self, replay: dict[str, Any]) -> None:
        """What a later check of the code repeats, and what came out: free in form, its parts added to one another."""
        self._append("replay", replay=replay)

    def finish(self, status: str = "finished") -> None:
        """End the run: finished, failed or killed."""
        if status not in END_STATUSES:
            raise ValueError(f"{self._path}: status {status!r}; allowed: {', '.join(END_STATUSES)}")
        self._append("finish", status=status)
        self._finished = True

    @property
    def content(self) -> bytes:
        """All that was written so far: what a checkpoint remembers."""
        self._file.flush()
        return self._path.read_bytes()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None and not self._finished:
            self.finish("failed" if issubclass(kind, Exception) else "killed")
        self.close()

    def _append(self, event: str, **content: Any) -> None:
        try:
            text = json.dumps({"event": event, "time_ms": now_ms(), **content}, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._path}: {event}: {error}; allowed: JSON with finite numbers") from None
        self._file.write(text.encode() + b"\n")
        self._file.flush()


def now_ms() -> int:
    """Milliseconds since 1970, MLflow's unit of time."""
    return time.time_ns() // 1_000_000


def check_identity(identity: dict[str, Any], where: str) -> None:
    """Raise `ValueError` naming `where` and the key unless `identity` says completely who a run is."""
    if set(identity) != set(IDENTITY_KEYS):
        raise ValueError(f"{where}: identity has keys {sorted(identity)}; allowed: {sorted(IDENTITY_KEYS)}")
    if identity["kind"] not in KINDS:
        raise ValueError(f"{where}: kind is {identity['kind']!r}; allowed: {', '.join(KINDS)}")
    for key in ("profile", "phase", "row", "run_key"):
        if not isinstance(identity[key], str) or not identity[key]:
            raise ValueError(f"{where}: {key} is {identity[key]!r}; allowed: a string that is not empty")
    seedless = identity["kind"] in ("data", "summary")
    if type(identity["seed"]) is not int and not (seedless and identity["seed"] is None):
        raise ValueError(f"{where}: seed is {identity['seed']!r}; allowed: a whole number (None for data and summary)")


def read_events(path: Path) -> list[dict[str, Any]]:
    """Read the events; a last line without its line feed is what a kill left, and is dropped.

    Any other line that is not an event is a `ValueError` naming file and line.
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    events = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path}: line {number} is not JSON ({error})") from None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str) or "time_ms" not in event:
            raise ValueError(f"{path}: line {number} is not an event with a name and a time")
        events.append(event)
    return events
