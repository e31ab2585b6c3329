"""Where every training begins: the loop with a run's examples, to which a row may add pseudo-labelled ones.

It is in no run's key: pipeline/runs/code.py names what a run executes from here on.
"""

from pathlib import Path

from pipeline.runs.run_files import Run
from pipeline.runs.versions import check_versions
from pipeline.training.loop import Training
from pipeline.training.pseudo_labels import add_pseudo_labels


def begin(run: Run, root: Path = Path("."), work: Path | None = None, max_steps: int | None = None) -> Training:
    """The training of a run, to be taken up with `run_all`; the arguments are those of `Training`."""
    training = Training(run, root, work, max_steps)
    if "pseudo_labels" in run.spec:
        add_pseudo_labels(training)
    return training


def train(run: Run, root: Path = Path(".")) -> None:
    """Train what the run's files describe and write its model and record, resuming from a checkpoint if there is one.

    A checkpoint is taken every BERTY_CHECKPOINT_SECONDS (20 by default) of training. The files written are
    `layout.model` and `layout.training_record` of the run; each appears whole or not at all. Other versions of the
    packages than the run was planned with are a `ValueError` (see `check_versions`).
    """
    check_versions(run.spec["packages"])
    begin(run, root).run_all()
