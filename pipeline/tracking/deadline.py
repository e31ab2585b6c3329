"""A projection in a process of its own, killed at a deadline: whatever a server does, nobody waits longer for it.

Only a kill stops everything: a wait that the server asks for, an answer that drips, pages without end, and the threads
that upload files, for which a process waits before it ends. What is shown by then stays; the next projection goes on.
"""

import json
import multiprocessing
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.files.parent import end_with_parent
from pipeline.runs.index import Index


class NotProjected(Exception):
    """Not every run is shown; the text is one line that says why."""


def project_in_time(indexes: list[Index], root: Path, seconds: float) -> str:
    """Show the records in MLflow and return the counts of runs; `NotProjected` at the latest after so many seconds."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    arguments = (theirs, indexes, root)
    process = multiprocessing.get_context("fork").Process(target=_project, args=arguments, daemon=True)
    process.start()
    theirs.close()  # so that the pipe ends with the process
    deadline = time.monotonic() + seconds
    told: dict[str, Any] = {"address": "MLflow", "shown": 0}
    try:
        while not told.keys() & {"counts", "reason", "mistake"}:
            if not ours.poll(max(0.0, deadline - time.monotonic())):
                found = f"{told['shown']} runs were looked at, the others are not shown yet"
                raise NotProjected(f"{told['address']}: its {seconds:g} seconds are over: {found}")
            told |= json.loads(ours.recv_bytes())
    except EOFError:
        process.join()
        raise ChildProcessError(f"the projection ended with exit code {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
    if "mistake" in told:
        raise ValueError(told["mistake"])
    if "reason" in told:
        raise NotProjected(told["reason"])
    return told["counts"]


def _project(pipe: Connection, indexes: list[Index], root: Path) -> None:
    end_with_parent()
    from pipeline.tracking.projection import project
    from pipeline.tracking.store import StoreUnavailable, address_of, tracking_uri

    def tell(**what: object) -> None:
        pipe.send_bytes(json.dumps(what).encode())

    try:
        tell(address=f"MLflow at {address_of(tracking_uri(root))}")
        tell(counts=str(project(indexes, root, lambda number: tell(shown=number))))
    except StoreUnavailable as error:
        tell(reason=str(error))
    except (ValueError, OSError) as error:
        tell(mistake=str(error))
