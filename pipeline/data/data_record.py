"""The run record of a data stage, download or tokenize: its datasets with their digests, and no seed."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.files.atomic import atomic_folder
from pipeline.files.digest import hash_bytes
from pipeline.runs import layout
from pipeline.runs.events import EventLog, read_events
from pipeline.runs.record import build_record, write_record


@contextmanager
def record_data_stage(profile: str, stage: str, output_hashes: list[str], root: Path) -> Iterator[EventLog]:
    """Give an event log; when the block ends well, its record is in `layout.data_record`.

    The run key is made of what the stage left, so that equal data is the same MLflow run.
    """
    work = root / layout.WORK / f"{stage}-{profile}"
    identity = {"kind": "data", "profile": profile, "phase": "data", "row": stage, "seed": None}
    run_key = hash_bytes("\n".join([profile, stage, *output_hashes]).encode())
    with EventLog.start(work / "events.jsonl", identity | {"run_key": run_key}) as log:
        yield log
        log.finish()
    with atomic_folder(root / layout.data_record(profile, stage)) as folder:
        write_record(folder / "record.json", build_record(read_events(work / "events.jsonl")))
    shutil.rmtree(work)
