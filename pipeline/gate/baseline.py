"""The accepted state of a profile's results, kept in git: baseline/<profile>/.

predictions/ is what the gate compares with, in the layout of results/<profile>/predictions, compressed; metrics.csv
says the same in numbers, and is what a reviewer reads.
"""

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from statistics import stdev

from pipeline.config.schema import Params
from pipeline.evaluation.prediction_files import render_predictions
from pipeline.files.atomic import atomic_folder
from pipeline.gate.cells import Files, list_files
from pipeline.gate.comparison import Comparison, compare
from pipeline.runs import layout
from pipeline.runs.index import list_planned, read_plan
from pipeline.statistics.predictions import align, read_predictions
from pipeline.statistics.samples import measure

METRIC_COLUMNS = ("phase", "row", "task", "metric", "mean", "sd", "seeds")


def folder(profile: str) -> Path:
    """Where a profile's baseline lies."""
    return Path("baseline") / profile


def check_profile(params: Params, accepted: Path | None = None) -> Comparison:
    """The present results of the profile in params.yaml against its floors and its baseline (or that in `accepted`)."""
    profile = params.profile
    baseline = (accepted or folder(profile)) / "predictions"
    if not baseline.is_dir():
        raise ValueError(f"{baseline}: no such folder: profile {profile} has no baseline; `make bless` makes the "
                         "present results the baseline")  # fmt: skip
    current = layout.results(profile) / "predictions"
    return compare(baseline, current, params, _planned_runs(profile), params.profiles[profile])


def bless(params: Params) -> Path:
    """Make the present results of the profile in params.yaml, all that its plan lists, the baseline; gives its folder.

    Results that are not there, or whose ids and labels do not agree, are a `ValueError`, and the old baseline stays.
    """
    profile = params.profile
    files = list_files(layout.results(profile) / "predictions", _planned_runs(profile))
    with atomic_folder(folder(profile)) as temporary:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(METRIC_COLUMNS)
        writer.writerows(_write_predictions(temporary / "predictions", files, params))
        (temporary / "metrics.csv").write_text(text.getvalue(), encoding="utf-8")
    return folder(profile)


def _write_predictions(target: Path, files: Files, params: Params) -> Iterator[tuple[str, ...]]:
    """Write every prediction file; gives each (phase, row, task) its line of metrics.csv."""
    for (phase, row, task), paths in files.items():
        runs = [read_predictions(path) for path in paths.values()]
        for seed, run in zip(paths, runs, strict=True):
            path = target / phase / f"{row}-{seed}" / f"{task}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = render_predictions(run.ids, run.predictions_N, run.labels_N).encode()
            path.write_bytes(gzip.compress(content, mtime=0))  # no time: equal predictions are equal bytes
        metric = params.tasks[task].metric
        scores = measure(metric, *align(runs)).scores_S.tolist()
        sd = f"{stdev(scores):.6f}" if len(scores) > 1 else ""
        yield phase, row, task, metric, f"{sum(scores) / len(scores):.6f}", sd, " ".join(map(str, paths))


def _planned_runs(profile: str) -> set[tuple[str, str, int]]:
    """(phase, row, seed) of plan's index, here or imported: what lies about from earlier plans does not count."""
    return set(list_planned(read_plan(Path(), profile)[0]))
