"""Where the files of an archive may lie, and where each comes to rest when it is brought in."""

import re
from pathlib import PurePosixPath

NAME = r"[a-z0-9]+(?:_[a-z0-9]+)*"  # of a profile, row or task, as pipeline/config/schema.py has it
PHASE = "(?:part1|phase1|phase2)"
RUN = rf"{NAME}-\d+"  # row and seed

# Below artifacts/<profile>/ and results/<profile>/. The data report is not among them: it is written where the data is.
ARTIFACTS = (
    r"plan/index\.json",
    rf"plan/runs/{PHASE}/{RUN}\.json",
    rf"records/{PHASE}/{RUN}/(?:record\.json|history\.csv|run\.json)",
    rf"records/phase2/{RUN}/start\.json",
    rf"records/eval_{PHASE}/{RUN}/record\.json",
    r"records/data/(?:download|tokenize)/record\.json",
    r"summary/record\.json",
)
RESULTS = (
    rf"(?!data\.){NAME}\.(?:csv|json|md|png)",
    rf"predictions/{PHASE}/{RUN}/{NAME}\.csv(?:\.gz)?",
)


def is_place(name: str, profile: str | None = None) -> bool:
    """Whether a file of this name may be in an archive, of `profile` or of any."""
    top = re.escape(profile) if profile else NAME
    pattern = rf"artifacts/{top}/(?:{'|'.join(ARTIFACTS)})|results/{top}/(?:{'|'.join(RESULTS)})"
    return re.fullmatch(pattern, name, re.ASCII) is not None


def destination(name: str) -> PurePosixPath | None:
    """Where a file comes to rest, relative to results/<profile>; None for plan's run files, which records repeat.

    Results keep their place. The rest goes to imported/, so that it is never taken for what this machine made.
    """
    top, _, *inner = PurePosixPath(name).parts
    if top == "results":
        return PurePosixPath(*inner)
    return None if inner[:2] == ["plan", "runs"] else PurePosixPath("imported", *inner)
