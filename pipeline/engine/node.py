"""What a machine of a Ray cluster does with a run: inputs from the DVC remote, the work, results to the remote.

`perform` is Ray's task. The work is a process of its own, `python -m pipeline.engine.node HOME`, in a folder of its own
that has the snapshot of the driver's working tree; it ends when Ray's process does. Below the machine's home
(BERTY_NODE, or a folder of the user's among the temporary ones) lie the DVC cache of its own, the folders of runs, and
checkpoints, unless BERTY_WORK names a folder for those, which may be shared by machines: then a run resumes elsewhere.
"""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pipeline.command import is_expected
from pipeline.engine.tasks import Task
from pipeline.engine.worker import work
from pipeline.files.atomic import read_json, write_json
from pipeline.files.digest import hash_file
from pipeline.files.parent import end_with_parent
from pipeline.runs import layout
from pipeline.runs.record import read_record

SECONDS_BETWEEN_REPORTS = 2
LOG_BYTES = 20_000  # of the end of a log, that the driver gets

Json = dict[str, Any]


class Board:
    """An actor of Ray's: the end of each running task's log, for the driver to see."""

    def __init__(self) -> None:
        self._logs: dict[str, str] = {}

    def put(self, name: str, log: str) -> None:
        self._logs[name] = log

    def take(self) -> dict[str, str]:
        """What came since the last time."""
        logs, self._logs = self._logs, {}
        return logs


def perform(order: Json, board: Any) -> Json:
    """Do a run in a folder of its own. Returns `code` (0: done), `log` (its end), `node`, `seconds` and main's."""
    began = time.monotonic()
    board.put.remote(order["name"], "")
    home = find_home()
    folder = home / "runs" / order["job"] / order["name"].replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(Path.cwd(), folder)
    (folder / ".dvc/config.local").write_text(order["config"], encoding="utf-8")
    checkpoints = Path(os.environ.get("BERTY_WORK") or home / "work")
    checkpoints.mkdir(parents=True, exist_ok=True)
    (folder / layout.WORK).symlink_to(checkpoints)
    write_json(folder / "order.json", order)
    # What the machine's own environment says goes before what the driver's does.
    environment = order["environment"] | os.environ | {"DVC_SITE_CACHE_DIR": str(home / "site")}
    log = folder / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "pipeline.engine.node", str(home)]
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=file, stderr=file)
    while True:
        try:
            code = process.wait(SECONDS_BETWEEN_REPORTS)
            break
        except subprocess.TimeoutExpired:
            board.put.remote(order["name"], read_end(log))
    result = {"code": code, "log": read_end(log), "node": socket.gethostname(), "seconds": time.monotonic() - began}
    if code == 0:
        result |= read_json(folder / "result.json")
    shutil.rmtree(folder)
    return result


def find_home() -> Path:
    """The machine's folder, made if it is not there; one of another user's is a `ValueError`."""
    home = Path(os.environ.get("BERTY_NODE") or Path(tempfile.gettempdir()) / f"berty-{getpass.getuser()}")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise ValueError(f"BERTY_NODE: {home} belongs to another user; allowed: a folder of one's own")
    return home


def read_end(log: Path) -> str:
    """The last bytes of a log, as text."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        return file.read().decode("utf-8", errors="replace")


def hash_results(task: Task) -> dict[str, str]:
    """The SHA-256 of each file of the model and the predictions of a run, by its path."""
    folders = (layout.model(*task.place), layout.predictions(*task.place))
    return {path.as_posix(): hash_file(path) for folder in folders for path in sorted(folder.rglob("*"))}


def main(home: Path) -> None:
    """Do the order of the working folder; write result.json: dvc.lock's `entries` of its stages, `sha256`, `notes`.

    What another machine has done already comes from the remote. Other weights or predictions than another copy of the
    run has left there, from the same kind of processor, are a `ValueError`, and stay here.
    """
    from pipeline.engine.graph import Graph
    from pipeline.engine.remote import name_processor

    order = read_json(Path("order.json"))
    notes = []
    with Graph(Path.cwd(), is_shared=True, cache=home / "cache") as graph:
        for name, entry in order["inputs"].items():
            graph.check_out(name, entry)
        path = Path(order["run"])
        task = Task(path, read_json(path))
        if order["start"] is not None:
            write_json(layout.start_file(*_slot(task)), order["start"])
        if not all(graph.restore(stage) for stage in task.stages):
            work(path)
        for stage, record_file in zip(task.stages, task.record_files, strict=True):
            graph.save(stage)
            ours = name_processor(read_record(record_file))
            for theirs in graph.find_others(stage):
                if theirs == ours:
                    raise ValueError(f"{stage}: another copy of this run gave other results on the same {ours}")
                notes.append(f"{stage}: a copy of this run gave other results on {theirs}; these are of {ours}")
        for stage in task.stages:
            graph.push(stage)
        entries = {stage: graph.describe(stage) for stage in task.stages}
    write_json(Path("result.json"), {"entries": entries, "sha256": hash_results(task), "notes": notes})


def _slot(task: Task) -> tuple[str, str, int]:
    profile, _, row, seed = task.place
    return profile, row, seed


if __name__ == "__main__":
    end_with_parent()
    try:
        main(Path(sys.argv[1]))
    except Exception as error:
        if not is_expected(error):
            raise
        sys.exit(str(error))
