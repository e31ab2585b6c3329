"""A change against where it branched off: DVC's lock, a repro, and the gate on what came out."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.params import load_params
from pipeline.files.digest import hash_folder
from pipeline.gate import baseline
from pipeline.gate.comparison import Comparison
from pipeline.gate.review_graph import GraphError, list_stale, reproduce
from pipeline.gate.revision import find_merge_base, write_files


@dataclass(frozen=True)
class Review:
    """What a review found. What could not be done is None, and `problems` say why."""

    profile: str
    base: str  # the commit from which the change branched off
    stale: list[str] | None  # stages that the committed dvc.lock does not fit
    ran: list[str] | None  # stages that `dvc repro` had to run
    comparison: Comparison | None  # with the baseline at `base`
    accepted: Comparison | None  # with the change's own baseline, where that is another
    problems: list[str]

    @property
    def judged(self) -> Comparison | None:
        """The comparison that counts: a baseline that is part of the change is read with it."""
        return self.accepted or self.comparison

    @property
    def exit_code(self) -> int:
        """0: nothing in the way; 1: regressed, or a lock that is stale; 2: something could not be done."""
        if self.stale or (self.judged and self.judged.is_regressed):
            return 1
        return 0 if self.judged else 2


def review(base: str, root: Path) -> Review:
    """Review the checkout at `root` against its merge base with the revision `base`.

    A regression that the change accepts by a baseline of its own (`make bless`) does not stop it. A revision that is
    not there, and a params.yaml that cannot be read, is a `ValueError`.
    """
    params, commit = load_params(root / "params.yaml"), find_merge_base(base, root)
    problems: list[str] = []
    stale = _attempt(problems, lambda: list_stale(root, params.profile))
    ran = _attempt(problems, lambda: reproduce(root))
    comparison = accepted = None
    if ran is not None:
        with tempfile.TemporaryDirectory() as folder:
            own = baseline.folder(params.profile)
            before = write_files(commit, own.as_posix(), root, Path(folder))
            if before is None:
                problems.append(f"{own}: not in git at {commit[:7]}")
            else:
                comparison = _attempt(problems, lambda: baseline.check_profile(params, before))
            if before is None or not own.is_dir() or hash_folder(before) != hash_folder(own):
                accepted = _attempt(problems, lambda: baseline.check_profile(params))
    return Review(params.profile, commit, stale, ran, comparison, accepted, problems)


def _attempt(problems: list[str], step: Callable[[], Any]) -> Any:
    try:
        return step()
    except (GraphError, ValueError) as error:
        problems.append(str(error))
        return None
