"""An evaluation held to its record: its prediction files scored again, and some of its predictions made again."""

from pathlib import Path

import numpy as np

from pipeline.data.token_files import read_tokens
from pipeline.evaluation.metrics import score
from pipeline.evaluation.predict import predict
from pipeline.evaluation.saved_model import load_model
from pipeline.runs.index import IndexedRun
from pipeline.runs.run_files import Run
from pipeline.statistics.predictions import find_tasks, read_predictions

NUM_EXAMPLES = 64  # dev examples of each task that are predicted again
# Prediction files have seven digits, and examples are predicted in other batches than they were.
TOLERANCE = 1e-4
MAX_TIES = 0.05  # share of examples whose class may flip on another processor, where two classes are as likely


def find_score_difference(run: Run, found: IndexedRun, root: Path, changed: set[str], tolerance: float) -> str | None:
    """Where the evaluation on record is not what today's code makes of it, in words; None where it is, or is missing.

    `tolerance` is relative, 0 on the processor that made the record.

    `changed` are the functions that may have changed: without the weights, one that makes predictions is a difference.
    """
    if found.evaluation is None or found.predictions is None:
        return None
    files, metrics = find_tasks(found.predictions), found.evaluation["metrics"]
    has_weights = (found.model / "weights.safetensors").is_file()
    model = load_model(found.model, root)[0] if has_weights else None
    predicting = sorted(name for name in changed if name.endswith((".Head.predict", "evaluation.predict.predict")))
    if model is None and predicting:
        return f"predictions cannot be made again without the weights, and {predicting[0]} changed"
    for name, task in run.spec["tasks"].items():
        kept = read_predictions(files[name])
        splits = {split: read_tokens(root / path) for split, path in task["tokens"].items()}
        scores = score(name, task["metric"], kept.labels_N, kept.predictions_N, splits["train"].labels)
        for key, value in scores.items():
            recorded = metrics[key][-1][-1] if key in metrics else float("nan")
            if not abs(value - recorded) <= TOLERANCE * max(1.0, abs(recorded)):
                return f"score {key}: {recorded:.6g} on record, now {value:.6g}"
        if model is not None:
            indices = np.arange(min(NUM_EXAMPLES, splits["dev"].num_examples))
            again = predict(model, name, splits["dev"], indices, run.spec["train"]["evaluation_tokens"])
            before = kept.predictions_N[: len(indices)]
            are_close = abs(again - before) <= max(TOLERANCE, tolerance) * np.maximum(1.0, abs(before))
            if not 1 - are_close.mean() <= MAX_TIES * (tolerance > 0):
                return f"predictions of {name} are other than those of its file"
    return None
