"""The evaluation of one trained model: every example of every task's dev set, its metrics and its predictions."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.data.token_files import TokenSet, read_tokens
from pipeline.evaluation.metrics import OVERALL, score
from pipeline.evaluation.predict import predict
from pipeline.evaluation.prediction_files import write_predictions
from pipeline.evaluation.saved_model import load_model
from pipeline.files.atomic import atomic_folder
from pipeline.runs import layout
from pipeline.runs.events import EventLog, read_events
from pipeline.runs.record import build_record, write_record
from pipeline.runs.run_files import Run
from pipeline.runs.versions import check_versions


def evaluate(run: Run, root: Path = Path(".")) -> dict[str, float]:
    """Score the run's model on the full dev sets; write predictions and evaluation record, return the scores.

    The curves of training are measured on a part of the dev set; this is measured on all of it.
    """
    check_versions(run.spec["packages"])
    model, description = load_model(root / layout.model(*run.place), root)
    if description["run_key"] != run.key:
        raise ValueError(f"{layout.model(*run.place)}: trained by run {description['run_key']}, this is {run.key}")
    max_tokens = run.spec["train"]["evaluation_tokens"]
    return write_evaluation(
        run, lambda task, dev: predict(model, task, dev, np.arange(dev.num_examples), max_tokens), root
    )


def write_evaluation(run: Run, predict_all: Callable[[str, TokenSet], np.ndarray], root: Path) -> dict[str, float]:
    """Score what `predict_all(task, dev set)` gives, in the set's order; write predictions and record."""
    events = root / layout.work(run.key) / "evaluation.jsonl"
    scores: dict[str, float] = {}
    with EventLog.start(events, run.identity("evaluation")) as log:
        folder = layout.predictions(*run.place)
        with atomic_folder(root / folder) as temporary:
            for name, task in run.spec["tasks"].items():
                splits = {split: read_tokens(root / path) for split, path in task["tokens"].items()}
                dev = splits["dev"]
                predictions = predict_all(name, dev)
                scores |= score(name, task["metric"], dev.labels, predictions, splits["train"].labels)
                file = write_predictions(temporary / f"{name}.csv", dev.ids, predictions, dev.labels)
                log.artifact(folder / file.name)
        judged = [scores[f"{name}.{task['metric']}"] for name, task in run.spec["tasks"].items()]
        if len(judged) > 1:
            scores[OVERALL] = sum(judged) / len(judged)
        log.metrics(scores, step=0)
        log.finish()
    record_folder = layout.evaluation_record(*run.place)
    with atomic_folder(root / record_folder) as temporary:
        write_record(temporary / "record.json", build_record(read_events(events)))
    events.unlink()
    if not any(events.parent.iterdir()):  # a training that was killed may have left a checkpoint there
        events.parent.rmdir()
    return scores
