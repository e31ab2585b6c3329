"""Two models, not two recipes: the gate without the noise of seeds, since these very models are to be exchanged."""

from pathlib import Path

from pipeline.config.schema import Params
from pipeline.gate.cells import Files, join, list_extra
from pipeline.gate.comparison import Comparison, expectations
from pipeline.gate.verdicts import judge
from pipeline.statistics.predictions import find_tasks


def compare_models(before: Path, after: Path, params: Params, names: tuple[str, str]) -> Comparison:
    """Compare the predictions of two models on the same dev sets, `<task>.csv[.gz]` in a folder each.

    What cannot be compared, a task that the later model lacks among it, is a `ValueError` that says why.
    """
    sides = [_list_files(folder) for folder in (before, after)]
    metrics = {name: task.metric for name, task in params.tasks.items()}
    margins, _ = expectations(params.gate, metrics)
    verdicts = judge(join(*sides), metrics, margins, seed_sd=None)
    return Comparison(*names, verdicts, list_extra(*sides), floors=[])


def _list_files(folder: Path) -> Files:
    tasks = find_tasks(folder)
    if not tasks:
        raise ValueError(f"{folder}: no prediction files; allowed: <task>.csv or <task>.csv.gz")
    return {("phase2", "model", task): {0: path} for task, path in tasks.items()}
