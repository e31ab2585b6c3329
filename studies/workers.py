"""How long a table takes with more workers: measured times of runs, scheduled as pipeline/engine/parallel.py does.

    python -m studies.workers [--profile course_small] [--rows 30] [--seeds 3] [--workers 1 8 64]

Times are those of the profile's records below results/; of rows that there are not, drawn from those that are. Half of
the rows start from one phase-1 recipe, as in the paper's tables. The driver's own cost counts for every run it hands
out and takes back, one after the other. Last, DVC's index of as many stages is timed on this machine.
"""

import argparse
import heapq
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.files.atomic import write_json
from pipeline.runs import layout
from pipeline.runs.record import read_record

DRIVER_SECONDS = 1.0  # a run's results from the remote into DVC's cache: .2 to .5 measured of tiny runs, plus copying
NODE_SECONDS = 12.0  # of a worker: start of Python and torch, inputs from the remote, results to it; of tiny runs


@dataclass(frozen=True)
class Run:
    """A task of the driver's: its seconds, and the place in the list of what it starts from."""

    seconds: float
    needs: int | None = None


@dataclass(frozen=True)
class Table:
    """What came of a schedule; idle: the share of the workers' time in which they wait, until the last one ends."""

    wall: float
    idle: float
    chain: float  # the longest run with what it starts from


def schedule(runs: list[Run], num_workers: int, driver: float = DRIVER_SECONDS, node: float = NODE_SECONDS) -> Table:
    """Give each free worker the first run that can start. Seconds."""
    waiting = list(range(len(runs)))
    done: set[int] = set()
    ends: list[tuple[float, int]] = []  # a heap of (time, run)
    now = busy = 0.0
    while waiting or ends:
        while len(ends) < num_workers:
            ready = next((run for run in waiting if runs[run].needs is None or runs[run].needs in done), None)
            if ready is None:
                break
            waiting.remove(ready)
            heapq.heappush(ends, (now + node + runs[ready].seconds, ready))
            busy += node + runs[ready].seconds
        end, run = heapq.heappop(ends)
        now = max(now, end) + driver
        done.add(run)
    longest = max(
        run.seconds + node + (runs[run.needs].seconds + node + driver if run.needs is not None else 0) for run in runs
    )
    return Table(now, 1 - busy / (now * num_workers), longest + driver)


def draw_runs(profile: str, num_rows: int, num_seeds: int, generator: random.Random) -> list[Run]:
    """A table's runs in the driver's order, whole seeds early; without records of the profile, a `ValueError`."""
    times: dict[str, list[float]] = {"phase1": [], "phase2": []}
    for phase, seconds in times.items():
        for path in sorted((layout.records(profile, layout.imported) / phase).glob("*/record.json")):
            record = read_record(path)
            if record["row"] != "untrained":
                seconds.append(record["metrics"]["cost/seconds"][-1][2])
        if not seconds:
            raise ValueError(f"results/{profile}/imported: no record of {phase}")
    runs: list[Run] = []
    for _ in range(num_seeds):
        start = len(runs)
        runs.append(Run(times["phase1"][0]))
        runs += [Run(generator.choice(times["phase2"]), start if row % 2 else None) for row in range(num_rows)]
    return runs


def time_index(num_stages: int) -> float:
    """Seconds of a new process that reads the graph of so many stages, as the driver does once."""
    with tempfile.TemporaryDirectory() as folder:
        stages = {f"s{i}": {"cmd": f"echo {i} > {i}", "deps": ["in"], "outs": [str(i)]} for i in range(num_stages)}
        write_json(Path(folder) / "dvc.yaml", {"stages": stages})  # JSON is YAML
        subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm"], cwd=folder, check=True)
        began = time.monotonic()
        command = [sys.executable, "-c", "from dvc.repo import Repo; Repo('.').index.graph"]
        subprocess.run(command, cwd=folder, check=True)
        return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="course_small")
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--stages", type=int, nargs="*", default=[300, 1000, 3000])
    arguments = parser.parse_args()
    runs = draw_runs(arguments.profile, arguments.rows, arguments.seeds, random.Random(0))
    print(f"{len(runs)} runs, {sum(run.seconds for run in runs) / 3600:.1f} hours of training")
    for num in arguments.workers:
        table = schedule(runs, num)
        hours, chain = table.wall / 3600, table.chain / 3600
        print(f"{num:4} workers: {hours:6.2f} h, idle {table.idle:4.0%}, longest chain {chain:.2f} h")
    for num in arguments.stages:
        print(f"{num:5} stages: DVC's index in {time_index(num):.1f} s")


if __name__ == "__main__":
    main()
