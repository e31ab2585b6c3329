"""Does a pipeline that is killed at random moments come back by itself, to the same bytes?

    python -m studies.kills --output kills.csv [--seed 0] [--number 200]

In a project of the tests' tiny profile, commands (`stages.repro --jobs 2`, `dvc repro`, `stages.track`) are started one
after the other, and after some seconds one of their processes, drawn by chance, gets a signal, SIGKILL most often. The
next command resumes. When one reports that all is done, the outputs are compared with those of a run that was never
killed, and the project begins again from nothing. A kill is survived if all processes of its command ended, no later
command failed that was not killed itself, the bytes are the same and no temporary file is left. The exit code is 1 if
one was not.
"""

import argparse
import csv
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline.engine.lock_file import find_rwlock_fault
from pipeline.files.atomic import TEMPORARY
from studies.mutations import copy_tree

ROWS = ("iteration_1", "iteration_2")
REPRO = ("stages.repro", "--jobs", "2")
DVC = ("dvc", "repro")
TRACK = ("stages.track",)
SIGNALS = ("SIGKILL", "SIGKILL", "SIGKILL", "SIGTERM", "SIGINT")
PATIENCE = 300.0  # seconds after a kill in which its command and all processes of it must have ended
# What is the same in every run: all but times, and what has times in it.
COMPARED = (
    *("artifacts/*/p*/**/weights.safetensors", "artifacts/*/predictions/**/*.csv", "artifacts/*/plan/**/*.json"),
    *("artifacts/*/corpus/*", "artifacts/*/starts/*", "results/*/controls.csv", "results/*/intervals.csv"),
    *("results/*/table*.csv", "results/*/curves.csv"),
)


@dataclass
class Kill:
    """One signal: to which process of which command, when, and what went wrong afterwards (nothing: survived)."""

    command: str
    process: str
    signal: str
    second: float
    wrong: str = ""


class Project:
    """A project that is made anew for every pass; `root` is its folder, all else lies beside it."""

    def __init__(self, folder: Path) -> None:
        from tests.tiny import write_tiny_params

        self.root, self.log, self._new = folder / "project", folder / "log", folder / "new"
        copy_tree(self._new)
        for name in ("results", "dvc.lock"):
            subprocess.run(["git", "rm", "-rqf", "--ignore-unmatch", name], cwd=self._new, check=True)
        params = write_tiny_params(yaml.safe_load((self._new / "params.yaml").read_text()), folder / "mirror")
        params["iterations"] = {row: params["iterations"][row] for row in ROWS}
        params["iterations"][ROWS[0]].pop("control")  # a row that does not run
        params["rows"], params["part1"]["tasks"] = list(ROWS), {"sst": {}}
        params["figures"]["phase2"] = ROWS[-1]
        for mode in params["part1"]["modes"].values():
            mode["paper"] = {}
        (self._new / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "BERTY_MIRROR": str(folder / "mirror"),
            "BERTY_CHECKPOINT_SECONDS": "0",
            "BERTY_THREADS": "1",
        }

    def begin(self) -> None:
        """Nothing has been run yet."""
        shutil.rmtree(self.root, ignore_errors=True)
        shutil.copytree(self._new, self.root, symlinks=True)

    def start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """The command's process; what it prints goes to `log`."""
        with self.log.open("wb") as file:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=self.root,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def takes_dvc(self) -> bool:
        """Whether plain `dvc` can read what a kill left of its dvc.lock and rwlock; `make run` mends both."""
        path = self.root / "dvc.lock"
        if find_rwlock_fault(self.root):
            return False
        with suppress(yaml.YAMLError):
            return not path.exists() or "stages" in (yaml.safe_load(path.read_text()) or {})
        return False

    def list_processes(self) -> dict[int, str]:
        """What runs in the project's folder: what is after -m, or the program, by process number."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (process / "cmdline").read_bytes().decode().split("\0")
                inside = Path(os.readlink(process / "cwd")).is_relative_to(self.root)
                if inside and words[0]:
                    found[int(process.name)] = words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name
        return found

    def digest(self) -> dict[str, str]:
        """Hashes of everything that has to be the same, the number of runs in MLflow, and what should not be there."""
        files = {path for pattern in COMPARED for path in self.root.glob(pattern) if path.is_file()}
        found = {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        left = [path for path in self.root.rglob(".*") if TEMPORARY.fullmatch(path.name)]
        left += [path for path in (self.root / ".work").iterdir() if len(path.name) == 64]
        found |= {str(path.relative_to(self.root)): "left over" for path in left}
        with closing(sqlite3.connect(self.root / "mlflow.db")) as store:
            query = "select status, count(*) from runs where lifecycle_stage = 'active' group by status"
            return found | {f"MLflow {status}": str(number) for status, number in store.execute(query)}


def kill_one(project: Project, command: tuple[str, ...], rng: random.Random, seconds: float | None) -> Kill | int:
    """Start the command and kill a process of it within `seconds` (None: never); its exit code if it ended before."""
    started, delay = time.monotonic(), seconds and rng.uniform(0, seconds)
    driver = project.start(command)
    with suppress(subprocess.TimeoutExpired):
        return driver.wait(delay)
    others = {pid: name for pid, name in project.list_processes().items() if pid != driver.pid}
    pid, name = rng.choice(sorted(others.items())) if others and rng.random() < 0.5 else (driver.pid, "the command")
    kill = Kill(" ".join(command), name, rng.choice(SIGNALS), round(time.monotonic() - started, 2))
    with suppress(ProcessLookupError):
        os.kill(pid, getattr(signal, kill.signal))
    deadline = time.monotonic() + PATIENCE
    while (driver.poll() is None or project.list_processes()) and time.monotonic() < deadline:
        time.sleep(0.1)
    if alive := project.list_processes():
        kill.wrong = f"still there after {PATIENCE:.0f} s: {', '.join(sorted(alive.values()))}"
        for each in alive:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        driver.wait()
    return kill


def survive(project: Project, rng: random.Random, whole: dict[str, str], number: int, seconds: float) -> list[Kill]:
    """The kills of one pass from nothing to the end, `number` of them at most; after those nothing is killed."""
    project.begin()
    kills: list[Kill] = []
    while True:
        choices = [REPRO, *[DVC] * project.takes_dvc, *[TRACK] * (project.root / "artifacts").exists()]
        command = REPRO if len(kills) >= number else rng.choice(choices)
        end = kill_one(project, command, rng, seconds if len(kills) < number else None)
        if isinstance(end, Kill):
            kills.append(end)
            continue
        wrong = f"then {' '.join(command)} ended with {end}: {project.log.read_text()[-300:]}" if end else ""
        if not wrong and command == TRACK:
            continue
        found = {} if wrong else project.digest()
        differ = sorted(name for name in whole.keys() | found.keys() if whole.get(name) != found.get(name))
        wrong = wrong or (f"then other bytes: {', '.join(differ)[:300]}" if differ else "")
        if wrong and not kills:
            raise RuntimeError(f"nothing was killed, {wrong}")
        for kill in kills:
            kill.wrong = kill.wrong or wrong
        return kills


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="a line per kill")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, default=200, help="of kills (%(default)s)")
    parser.add_argument("--seconds", type=float, default=25.0, help="from a start to its kill, at most")
    arguments = parser.parse_args()
    rng, done, bad = random.Random(arguments.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder, arguments.output.open("w", newline="") as file:
        project = Project(Path(folder).resolve())
        project.begin()
        if project.start(REPRO).wait():
            sys.exit(f"the run that nobody kills failed: {project.log.read_text()[-1000:]}")
        whole = project.digest()
        writer = csv.writer(file)
        writer.writerow(["number", "command", "process", "signal", "second", "wrong"])
        while done < arguments.number:
            for kill in survive(project, rng, whole, arguments.number - done, arguments.seconds):
                done, bad = done + 1, bad + bool(kill.wrong)
                writer.writerow([done, kill.command, kill.process, kill.signal, kill.second, kill.wrong])
                what = f"{kill.signal} to {kill.process} of {kill.command}"
                print(f"{done} {what}: {kill.wrong or 'survived'}", flush=True)
            file.flush()
    print(f"{done} kills, {done - bad} survived")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
