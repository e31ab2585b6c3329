"""The process of a trial, `python -m pipeline.sweep.trial RUN_FILE`: it trains, and leaves no model.

Checkpoint and events lie beside the run file; the search makes the record of them.
"""

import sys
from contextlib import suppress
from pathlib import Path

from pipeline.files.owner import own
from pipeline.files.parent import end_with_parent
from pipeline.runs.run_files import read_run
from pipeline.runs.run_schema import check_run_file
from pipeline.runs.versions import check_versions
from pipeline.training.begin import begin
from pipeline.training.loop import EnoughSteps


def work(path: Path) -> None:
    """Train to the end of the last leg, from a checkpoint if there is one, in the project's root."""
    run = read_run(path, start_path=path.with_name("start.json"))
    check_run_file(run)
    check_versions(run.spec["packages"])
    with own(path.parent), suppress(EnoughSteps):  # after the last step, before the outputs
        begin(run, Path(), path.parent, max_steps=sys.maxsize).run_all()


if __name__ == "__main__":
    end_with_parent()
    try:
        work(Path(sys.argv[1]))
    except (ValueError, FloatingPointError) as error:
        sys.exit(str(error))
