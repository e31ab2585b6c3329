"""DVC's side of runs in parallel: results back from its run cache, results into it, dvc.lock written once for all.

Index, stage and run cache are DVC's own and not public: DVC is pinned, and tests/graph/test_parallel.py holds what is
used here.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from dvc.dependency.base import DependencyDoesNotExistError
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.serialize import to_single_stage_lockfile

from pipeline.engine.lock_file import write_whole
from pipeline.engine.remote import Entry, Remote


def repro(*targets: str) -> None:
    """`dvc repro`, without its words on every stage that goes well; what goes wrong is a ValueError."""
    command = ["python", "-m", "pipeline.engine.lock_file", "repro", *targets]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise ValueError(f"{done.stdout}dvc repro {' '.join(targets)}: exit code {done.returncode}")


class Graph:
    """The stages of a checkout. Inside of `with`, no other command of DVC's changes it.

    `is_shared`: results come from the DVC remote too, and go there with `push`. With a `cache` of its own the checkout
    need not be one of git's.
    """

    def __init__(self, root: Path, is_shared: bool = False, cache: Path | None = None) -> None:
        write_whole()
        own = {"core": {"no_scm": True}, "cache": {"dir": str(cache)}}
        self._repo = Repo(str(root), config=own if cache else None)
        self._remote = Remote(self._repo) if is_shared else None
        self._stages = {stage.addressing: stage for stage in self._repo.index.stages}
        self._unwritten: set[str] = set()  # stages that dvc.lock does not have yet

    def __enter__(self) -> Self:
        try:
            self._repo.lock.lock()
        except LockError as error:
            raise ValueError(f"another command of DVC's is at work here: {error}") from None
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._repo.lock.unlock()
        self._repo.close()

    def restore(self, name: str) -> bool:
        """Bring a stage's outputs back from the run cache, if they are there; what lay in their place goes."""
        stage = self._stages[name]
        stage.remove_outs(ignore_remove=False, force=False)
        try:
            if self._remote:
                stage.save_deps()
                self._remote.fetch(stage)
            self._repo.stage_cache.restore(stage, pull=self._remote is not None)
        except RunCacheNotFoundError:
            return False
        return True

    def is_cached(self, name: str) -> bool:
        """Whether the run cache has what the stage would make of its present inputs; False where one is missing."""
        stage = self._stages[name]
        try:
            stage.save_deps()
        except DependencyDoesNotExistError:
            return False
        return self._repo.stage_cache._load(stage) is not None

    def save(self, name: str) -> None:
        """Put a stage's outputs into the cache, and what they were made from into the run cache."""
        self._stages[name].save()
        self._stages[name].commit()
        self._unwritten.add(name)

    def describe(self, name: str) -> Entry:
        """A stage as dvc.lock has it, with the hashes of its outputs, which are in the cache."""
        if self._stages[name].changed():
            self.save(name)
        return to_single_stage_lockfile(self._stages[name])

    def check_out(self, name: str, entry: Entry) -> None:
        """Bring a stage's outputs from the remote, just those that the entry names; what lay in their place goes."""
        self._stages[name].remove_outs(ignore_remove=False, force=False)
        self._remote.check_out(entry)

    def push(self, name: str) -> None:
        """Bring the outputs of a stage that is saved to the remote, and its entry in the run cache."""
        self._remote.push(self._stages[name])

    def find_others(self, name: str) -> list[str]:
        """The kinds of processors on which the same inputs gave other results than those of here, by the remote."""
        return self._remote.find_others(self._stages[name])

    def write_lock(self, names: Iterable[str]) -> None:
        """Write dvc.lock, once: these stages are as they should be."""
        for name in names:
            if name not in self._unwritten and self._stages[name].changed():
                self.save(name)
        if stages := [self._stages[name] for name in sorted(self._unwritten)]:
            stages[0].dvcfile.dump_stages(stages, update_pipeline=False)
        self._unwritten.clear()
