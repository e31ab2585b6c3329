"""`make vouch`: results that a change of code, or of a package, should not have changed, held to their records.

A run whose run file differs from its record in nothing but code and packages is replayed: its first steps from its own
start, the probe from the published encoder, a miniature of the run that shows which functions are executed, and the
scores and some predictions of its evaluation. Where all agree the results get the new run file's key without training;
nothing else is trained.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from pipeline.engine.rehearsal import rehearse
from pipeline.engine.rekey import rekey
from pipeline.engine.rescoring import find_score_difference
from pipeline.files.atomic import read_json
from pipeline.runs import layout
from pipeline.runs.code import Code, combine_digests, entries_of_run
from pipeline.runs.environment import environment
from pipeline.runs.index import IndexedRun, read_index
from pipeline.runs.run_files import Run, read_run
from pipeline.runs.start import make_start
from pipeline.training.begin import begin
from pipeline.training.loop import EnoughSteps
from pipeline.training.replay import NUM_FIRST_STEPS, find_difference, probe

# Relative differences of a loss or an output that are rounding on another processor or with other threads.
TOLERANCES = {"fp32": 1e-3, "bf16": 5e-2}
MEANING = ("code", "packages")  # the keys of a run file that a replay may vouch for
NUM_NAMED = 5


@dataclass(frozen=True)
class Verdict:
    """What came of a run: `outcome` is unchanged, vouched, refused, to train (its row changed, or nothing is there)."""

    stage: str
    outcome: str
    why: str = ""


def vouch(profile: str, root: Path, num_steps: int = NUM_FIRST_STEPS) -> Iterator[Verdict]:
    """A verdict for every run of the plan, in an order in which a start comes before what starts from it.

    Results that a replay vouches for are re-keyed at once; `commit` tells DVC afterwards, of those too that a call
    before was killed over.
    """
    index, code = read_index(root, profile), Code(root)
    for found in index.planned:
        stage = _name_stage(found)
        path = root / layout.run_file(profile, *found.slot)
        try:  # an imported run's start file lies beside its record
            run = read_run(path, root, found.record_folder / "start.json" if found.is_imported else None)
            outcome, why = _judge(run, found, root, code, num_steps)
        except ValueError as error:
            outcome, why = "refused", str(error)
        if outcome == "vouched":
            if not found.is_imported:  # of those DVC has no stage
                _note_uncommitted(root, profile, stage)
            rekey(run, root, found.tree, why)
        yield Verdict(stage, outcome, why)


def _judge(run: Run, found: IndexedRun, root: Path, code: Code, num_steps: int) -> tuple[str, str]:
    if found.training is None or found.training["status"] != "finished":
        return "to train", "there is no finished record"
    if found.training["run_key"] == run.key:
        return "unchanged", ""
    if run.spec["phase"] == layout.AVERAGE:
        return "to train", "an average trains nothing: it is made again"
    before = read_json(found.record_folder / "run.json")
    spec = read_json(run.path)
    changed = sorted(key for key in before.keys() | spec.keys() if before.get(key) != spec.get(key))
    if other := [key for key in changed if key not in MEANING]:
        return "to train", f"its run file differs in {', '.join(other)}"
    start = None if run.start is None else make_start(spec, root, found.tree)
    if start and start != read_json(found.record_folder / "start.json"):
        return "to train", f"it starts from other weights ({start['sha256'][:12]})"
    recorded = found.training["replay"]
    if "probe" not in recorded or not isinstance(before["code"], dict):
        return "refused", "its record is from before first steps were kept"
    reached = code.reach(entries_of_run(spec))
    definitions = {name for name in before["code"].keys() | spec["code"].keys()
                   if before["code"].get(name) != spec["code"].get(name)}  # fmt: skip
    users = reached.find_users(definitions & reached.digests.keys())
    tolerance = _find_tolerance(run, found.training)
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # scores and progress of a miniature
        executed, replayed = rehearse(run, root), _replay(run, root, num_steps)
        rescored = find_score_difference(run, found, root, users, tolerance)
    # A run without a schedule executes no more than its miniature does.
    if run.spec["schedule"] and (unseen := sorted(users - executed)):
        return "refused", f"a change that the replay did not execute: {_name_some(unseen)}"
    if difference := find_difference(recorded, replayed, tolerance) or rescored:
        return "refused", difference
    how = "bit for bit" if tolerance == 0 else f"to a relative {tolerance:g}"
    hashes = " to ".join(combine_digests(digests)[:12] for digests in (before["code"], spec["code"]))
    note = f"first {min(num_steps, len(recorded['steps']))} steps and the probe {how}; code {hashes}"
    if before["packages"] != spec["packages"]:
        note += f"; packages {before['packages']} to {spec['packages']}"
    return "vouched", note


def _replay(run: Run, root: Path, num_steps: int) -> dict[str, Any]:
    """The first steps again, where the run's start is here, and the probe."""
    with tempfile.TemporaryDirectory() as folder:
        training = begin(run, root, work=Path(folder), max_steps=num_steps)
        training.checkpoint_seconds = float("inf")
        replayed: dict[str, Any] = {}
        is_here = run.start is None or run.start["kind"] == "encoder" or (root / run.start["weights"]).is_file()
        if is_here and run.spec["schedule"]:
            with suppress(EnoughSteps):
                training.run_all()
            replayed["steps"] = training.state.progress.first_losses
        return replayed | {"probe": probe(run.spec, training.data, training.device, root)}


def _find_tolerance(run: Run, record: dict[str, Any]) -> float:
    """0 on the processor and with the threads that made the record, which the replay then uses."""
    num_threads = record["tags"].get("num_threads", "0")
    can_repeat = os.environ.get("BERTY_THREADS", num_threads) == num_threads and int(num_threads) <= os.cpu_count()
    if can_repeat and record["environment"].get("cpu") == environment()["cpu"]:
        torch.set_num_threads(int(num_threads))
        return 0.0
    return TOLERANCES[run.spec["train"]["precision"]]


def commit(profile: str, root: Path, verdicts: list[Verdict]) -> None:
    """Tell DVC that the re-keyed stages are as they should be; this fills its run cache too."""
    good = {verdict.stage for verdict in verdicts if verdict.outcome in ("vouched", "unchanged")}
    path = root / layout.WORK / f"vouched-{profile}.txt"
    if not path.exists():
        return
    found = {_name_stage(run): run for run in read_index(root, profile).planned}
    noted = good.intersection(path.read_text().split()) & found.keys()
    stages = [name for stage in noted for name in _list_stages(stage, found[stage].state == "finished")]
    if stages:  # without a name DVC would commit everything
        command = [sys.executable, "-m", "pipeline.engine.lock_file", "commit", "--quiet", "--force", *sorted(stages)]
        subprocess.run(command, cwd=root, check=True)
    path.unlink()


def _note_uncommitted(root: Path, profile: str, stage: str) -> None:
    path = root / layout.WORK / f"vouched-{profile}.txt"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{stage}\n")


def _list_stages(stage: str, is_evaluated: bool) -> list[str]:
    """A training stage, its evaluation if that is done and, in phase 2, its start, in the order of the graph."""
    phase, _, rest = stage.partition("@")
    starts = [f"start@{rest}"] if phase == "phase2" else []
    return [*starts, stage, *([f"eval_{stage}"] if is_evaluated else [])]


def _name_stage(found: IndexedRun) -> str:
    task = None
    if found.phase == "part1":
        task = next(iter(read_json(found.root / layout.run_file(found.profile, *found.slot))["tasks"]))
    return layout.stage_name("training", found.profile, *found.slot, task=task)


def _name_some(names: list[str]) -> str:
    more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return ", ".join(names[:NUM_NAMED]) + more
