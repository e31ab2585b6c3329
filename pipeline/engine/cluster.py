"""Workers that are machines of a Ray cluster (docs.ray.io): a run is a task of Ray's, engine/node.py says what it does.

The machines share nothing but the DVC remote. Each gets a snapshot of the working tree as it is, uncommitted changes
included. Ray runs the task of a machine that dies elsewhere; what was done there already comes from the remote.
"""

import logging
import os
import secrets
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine.graph import Graph
from pipeline.engine.node import Board, hash_results, perform
from pipeline.engine.parallel import find_log
from pipeline.engine.tasks import Task
from pipeline.files.atomic import read_json
from pipeline.runs import layout

# Of the working tree, what no machine needs for a run; what .gitignore names does not travel either.
LEFT_OUT = (".git", ".venv", "/.work", "/artifacts", "/baseline", "/mlartifacts", "/mlflow.db*", "/results", "/tests")
LEFT_OUT += ("/dvc.lock", "/.dvc/cache", "/.dvc/tmp", "/.dvc/config.local")
OF_ONE_MACHINE = ("BERTY_MIRROR", "BERTY_NODE", "BERTY_WORK")  # folders, so they do not go along
SAID_CHARACTERS = 160
NUM_RETRIES = 3  # after the death of a machine; a run that fails is not repeated
TOKEN_FILE = Path(".ray/auth_token")  # below the home folder, where Ray looks for it
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # Ray's way to bind every port to 127.0.0.1, on any system


def connect(address: str) -> Any:
    """Ray, connected: `local` is one of our own on this machine's loopback, `auto` or host:port one that runs.

    The snapshot of the working tree is taken now, so plan comes just before. Nobody takes part without the token.
    `ValueError`: Ray is not installed or no token is known; or the address does not answer, or refuses the token.
    """
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}
    if address.partition(":")[0] in ("local", "127.0.0.1"):
        os.environ |= ON_LOOPBACK
    if address == "local":
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    elif not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys() and not (Path.home() / TOKEN_FILE).exists():
        raise ValueError(f"--address {address}: the cluster's token is missing: ~/{TOKEN_FILE} or RAY_AUTH_TOKEN")
    try:
        import ray
    except ImportError:
        raise ValueError("--address needs Ray: pip install -r requirements-cluster.txt") from None
    ray._private.worker.print_to_stdstream = _say_in_a_line
    own = {"include_dashboard": False} if address == "local" else {}
    snapshot = {"working_dir": str(Path.cwd()), "excludes": list(LEFT_OUT)}
    try:
        ray.init(address, runtime_env=snapshot, log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"--address {address}: no cluster, or not with this token: {why}") from None
    return ray


@dataclass
class Placed:
    """A run that was given to Ray."""

    task: Task
    log: Path
    reference: Any
    cluster: "Cluster"
    began: float | None = None  # while it waits for a machine

    @property
    def name(self) -> str:
        return self.task.name

    def poll(self) -> bool | None:
        """None while it runs or waits for a machine; then whether it is done, and its outputs are here."""
        return self.cluster.poll(self)


class Cluster:
    """The machines of a cluster to which `ray` is connected, for the runs of a profile's plan.

    `graph` has a remote. A run takes one GPU where there are any, else as many cores as BERTY_THREADS says, or one.
    """

    def __init__(self, ray: Any, profile: str, graph: Graph) -> None:
        self._ray, self._graph = ray, graph
        self._job = secrets.token_hex(4)
        self._inputs = {}
        for stage in (*layout.DATA_STAGES, "plan"):
            self._share(f"{stage}@{profile}")
        self._names = list(self._inputs)
        threads = int(os.environ.get("BERTY_THREADS") or 1)
        self._unit = {"num_cpus": threads}
        if self._count("GPU") and os.environ.get("BERTY_DEVICE") != "cpu":
            self._unit = {"num_cpus": 1, "num_gpus": 1}
        taken = {name: value for name, value in os.environ.items() if name.startswith("BERTY_")}
        self._environment = {"BERTY_THREADS": str(threads)} | taken
        for name in OF_ONE_MACHINE:
            self._environment.pop(name, None)
        config = Path(".dvc/config.local")
        self._config = config.read_text(encoding="utf-8") if config.exists() else ""
        self._perform = ray.remote(**self._unit, max_retries=NUM_RETRIES)(perform)
        self._board = ray.remote(num_cpus=0, max_restarts=-1)(Board).remote()
        self._placed: dict[str, Placed] = {}  # by the names of the tasks
        self._report: Any = None  # of the board, asked for

    @property
    def num(self) -> int:
        """How many runs there is room for now."""
        room = self._count("GPU") if "num_gpus" in self._unit else self._count("CPU") // self._unit["num_cpus"]
        return max(1, int(room))

    def has_room(self, num_running: int) -> bool:
        """Always: what finds no room waits with Ray, which may add machines for it."""
        return True

    def start(self, task: Task) -> Placed:
        """Hand a run to Ray, with what it needs to find its inputs in the remote."""
        names, start = list(self._names), None
        for need in task.needs:
            names.append(layout.stage_name("training", task.spec["profile"], *_split(need)))
            self._share(names[-1])
        if task.start_stage:
            profile, _, row, seed = task.place
            start = read_json(layout.start_file(profile, row, seed))
        order = {
            "job": self._job,
            "name": task.name,
            "run": task.path.as_posix(),
            "start": start,
            "inputs": {name: self._inputs[name] for name in names},
            "config": self._config,
            "environment": self._environment,
        }
        log = find_log(task)
        log.unlink(missing_ok=True)
        reference = self._perform.options(name=task.name).remote(order, self._board)
        self._placed[task.name] = Placed(task, log, reference, self)
        return self._placed[task.name]

    def poll(self, placed: Placed) -> bool | None:
        """Whether a run is done; if so, bring its outputs from the remote."""
        self._read_board()
        if not self._ray.wait([placed.reference], timeout=0)[0]:
            return None
        del self._placed[placed.name]
        try:
            result = self._ray.get(placed.reference)
        except self._ray.exceptions.RayError as error:
            placed.log.write_text(f"{error}\n", encoding="utf-8")
            return False
        placed.began = time.monotonic() - result["seconds"]
        text = f"on {result['node']}\n{result['log']}\n"
        if result["code"] == 0:
            text += "".join(f"{note}\n" for note in result["notes"])
            for name, entry in result["entries"].items():
                self._graph.check_out(name, entry)
                self._inputs[name] = entry
            if hash_results(placed.task) != result["sha256"]:
                text += "what came from the DVC remote is not what the machine sent there\n"
                result["code"] = 1
        placed.log.write_text(text, encoding="utf-8")
        return result["code"] == 0

    def stop(self, running: Collection[Placed]) -> None:
        """Take these runs back."""
        for placed in running:
            self._ray.cancel(placed.reference, force=True)
        self._ray.shutdown()

    def _share(self, stage: str) -> None:
        if stage not in self._inputs:
            self._inputs[stage] = self._graph.describe(stage)
            self._graph.push(stage)

    def _count(self, resource: str) -> float:
        return self._ray.cluster_resources().get(resource, 0)

    def _read_board(self) -> None:
        """Write the ends of logs that have come; without waiting, since the board's machine may be gone."""
        if self._report and self._ray.wait([self._report], timeout=0)[0]:
            try:
                for name, text in self._ray.get(self._report).items():
                    if placed := self._placed.get(name):
                        placed.began = placed.began or time.monotonic()
                        placed.log.write_text(text, encoding="utf-8")
            except self._ray.exceptions.RayError:
                pass
            self._report = None
        if self._report is None:
            self._report = self._board.take.remote()


def _say_in_a_line(data: dict[str, Any], ignore_prefix: bool) -> None:
    """What Ray says of a dead machine, without the pages of its state."""
    print(f"Ray: {data['lines'][0]}".partition("\n")[0][:SAID_CHARACTERS], file=sys.stderr)


def _split(name: str) -> tuple[str, str, int]:
    """`phase1/sst_then_sts-0` to its phase, row and seed."""
    phase, _, run = name.partition("/")
    row, _, seed = run.rpartition("-")
    return phase, row, int(seed)
