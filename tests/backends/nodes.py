"""Ray nodes on loopback, each with a folder of its own, as machines have: `python -m tests.backends.nodes FOLDER`.

Prints the address. A line `kill` on its standard input kills the first of the two; its end ends them all.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.engine.cluster import ON_LOOPBACK
from tests.tiny import REPOSITORY

TOKEN = "secret" * 6


class Nodes:
    """The process that has them."""

    def __init__(self, folder: Path) -> None:
        environment = os.environ | ON_LOOPBACK | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
        log = folder.with_suffix(".log")
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.backends.nodes", str(folder)],
                cwd=REPOSITORY,
                env=environment | {"RAY_USAGE_STATS_ENABLED": "0"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        lines = iter(self._process.stdout.readline, "")
        self.address = next((line.split()[1] for line in lines if line.startswith("address ")), None)
        if self.address is None:
            pytest.skip(f"Ray starts no nodes here: {log.read_text().strip()[-300:]}")

    def kill(self) -> None:
        """Kill the first node, with everything that runs there; returns when it is dead."""
        print("kill", file=self._process.stdin, flush=True)
        assert next(line for line in iter(self._process.stdout.readline, "") if line.startswith("killed"))

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def start_nodes(folder: Path) -> Iterator[Nodes]:
    nodes = Nodes(folder)
    try:
        yield nodes
    finally:
        nodes.end()


def main(folder: Path) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = []
    for name in ("one", "two"):
        home = folder / name
        home.mkdir(parents=True)
        nodes.append(cluster.add_node(num_cpus=1, env_vars={"BERTY_NODE": str(home)}))
    print(f"address {cluster.address}", flush=True)
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(0), allow_graceful=False)
        print("killed", flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
