"""How long a stage takes before it does anything: the import of its module, less a bare interpreter's start."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from time import perf_counter

# What a stage imports before it works; all but start import it when they have read their arguments.
STAGES = {
    "train": "stages.train, pipeline.training.loop",
    "evaluate": "stages.evaluate, pipeline.evaluation.evaluate",
    "start": "stages.start",
    "plan": "stages.plan, pipeline.config.plan",
    "report": "stages.report, pipeline.reporting.report",
    "track": "stages.track, pipeline.tracking.deadline, pipeline.tracking.projection",
}
NUM_SHOWN = 6  # packages


def measure_imports(root: Path, num_rounds: int) -> dict[str, float | dict[str, float]]:
    """Seconds of each stage's import, and of the training stage's by package (self time, imports below it apart)."""
    commands = {"bare": "pass"} | {stage: f"import {modules}" for stage, modules in STAGES.items()}
    for command in commands.values():
        _run(root, command)  # bytecode is written, files are in memory
    seconds = {stage: [] for stage in STAGES}
    for _ in range(num_rounds):
        bare = _time(root, commands["bare"])
        for stage in STAGES:
            seconds[stage].append(_time(root, commands[stage]) - bare)
    return {
        "stage_import_s": median(seconds["train"]),
        "stage_imports_s": {stage: median(each) for stage, each in seconds.items()},
        "stage_import_packages_s": split_by_package(_run(root, commands["train"], "-X", "importtime")),
    }


def split_by_package(report: str) -> dict[str, float]:
    """Seconds of self time of the packages that take the most, from what `-X importtime` writes."""
    microseconds: Counter[str] = Counter()
    for line in report.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():  # the header is not
            microseconds[name.strip().split(".")[0]] += int(own)
    return {package: each / 1e6 for package, each in microseconds.most_common(NUM_SHOWN)}


def _time(root: Path, command: str) -> float:
    start = perf_counter()
    _run(root, command)
    return perf_counter() - start


def _run(root: Path, command: str, *options: str) -> str:
    """Run Python; returns what it wrote to standard error."""
    arguments = [sys.executable, *options, "-c", command]
    return subprocess.run(arguments, cwd=root, check=True, capture_output=True, text=True).stderr
