"""Predictions and the data report, copied to where they are kept in git: results/<profile>/."""

import shutil
from pathlib import Path

from pipeline.files.atomic import atomic_folder, atomic_path
from pipeline.reporting.results import Results

DATA_FILES = ("data.json", "data.md")


def publish(results: Results, data_folder: Path, folder: Path) -> None:
    """Make `folder`/predictions/<phase>/<row>-<seed> those of the plan's runs that have any, and copy `DATA_FILES`.

    Predictions are replaced as a whole: a run that left the plan leaves them too. Data files that are not there stay.
    """
    with atomic_folder(folder / "predictions") as temporary:
        for run in results.runs:
            if run.predictions:
                target = temporary / run.phase / f"{run.row}-{run.seed}"
                shutil.copytree(
                    run.predictions, target, copy_function=shutil.copyfile
                )  # not the modes: DVC's are locked
    for name in DATA_FILES:
        if (data_folder / name).is_file():
            with atomic_path(folder / name) as temporary:
                shutil.copyfile(data_folder / name, temporary)
