"""A contender in a process of its own: memory can be told apart, and nobody's buffers are in another's way.

`python -m bench.worker` builds the contender that its arguments describe, then answers each line (number, seconds) on
its standard input with a line, both JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.timing import Description, Sample, Samples, measure_in_turn
from pipeline.command import pin_threads

REPOSITORY = Path(__file__).resolve().parent.parent
PEER_PACKAGES = ("transformers", "torchjd")  # a borrowed machine may lack them


class Unavailable(Exception):
    """A contender needs a package that is not installed here."""


class Worker:
    """The near end: starts the process, which builds its contender while others start."""

    def __init__(self, description: Description, folder: Path, device: str) -> None:
        path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", json.dumps(description), str(folder)],
            env=os.environ | {"PYTHONPATH": path, "BERTY_DEVICE": device},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.description = description

    def wait(self) -> dict[str, Any]:
        """Wait until it is built; returns what `describe_machine` says. Raises `Unavailable`."""
        answer = self._read()
        if "missing" in answer:
            raise Unavailable(f"{self.description.kind}: no package {answer['missing']}")
        return answer

    def measure(self, number: int, seconds: float) -> Sample:
        self._process.stdin.write(json.dumps([number, seconds]) + "\n")
        self._process.stdin.flush()
        return Sample(*self._read())

    def _read(self) -> Any:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.description}: its process ended with exit code {self._process.wait()}")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()


@contextmanager
def open_workers(
    descriptions: Mapping[str, Description],
    folder: Path,
    device: str,
    start: Callable[[Description, Path, str], Worker] = Worker,
) -> Iterator[dict[str, Worker]]:
    """Workers of contenders on the inputs in `folder`; one that is not available is left out, with a message."""
    with ExitStack() as processes:
        workers = {name: processes.enter_context(start(each, folder, device)) for name, each in descriptions.items()}
        ready = {}
        for name, worker in workers.items():
            try:
                worker.wait()
                ready[name] = worker
            except Unavailable as reason:
                print(f"bench: {name} is left out: {reason}", file=sys.stderr)
        yield ready


def measure_together(
    descriptions: Mapping[str, Description],
    folder: Path,
    device: str,
    num_rounds: int,
    seconds: float,
    start: Callable[[Description, Path, str], Worker] = Worker,
) -> dict[str, Samples]:
    """Measure contenders in turn; see `open_workers`."""
    with open_workers(descriptions, folder, device, start) as workers:
        return measure_in_turn(workers, num_rounds, seconds)


def serve(description: Description, folder: Path) -> None:
    """The far end. Only answers go to standard output: what a package prints there goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        try:
            contender, machine = _build(description, folder)
        except ModuleNotFoundError as error:
            if error.name not in PEER_PACKAGES:
                raise
            print(json.dumps({"missing": error.name}), file=answers)
            return
        print(json.dumps(machine), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(contender.measure(*json.loads(line))), file=answers, flush=True)


def _build(description: Description, folder: Path) -> tuple[Any, dict[str, Any]]:
    if description.kind == "ours":
        pin_threads()  # as a training does; a peer has what torch gives it
    from bench.contenders import MeasuredContender, describe_machine  # torch: seconds, and memory of the near end
    from bench.inputs import read_inputs
    from pipeline.evaluation.device import choose_device

    device = choose_device()
    return MeasuredContender(description, read_inputs(folder), device), describe_machine(device)


if __name__ == "__main__":
    kind, combine, precision, tasks, batch_size = json.loads(sys.argv[1])
    serve(Description(kind, combine, precision, tuple(tasks), batch_size), Path(sys.argv[2]))
