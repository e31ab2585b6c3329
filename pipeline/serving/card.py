"""A model's card: what made it, how well it does and how sure that is, what it is not for (Mitchell et al. 2019)."""

import json
from collections.abc import Iterator, Mapping

from pipeline.evaluation.metrics import METRICS, OVERALL
from pipeline.runs.index import Index, IndexedRun, find_row
from pipeline.runs.record_files import Record
from pipeline.statistics.predictions import find_tasks, read_predictions
from pipeline.statistics.table import TaskScores, average_tasks, score_task

# What holds of every model of this project; `caveats` of the plan say what holds of this encoder and this data.
NOT_FOR = (
    "Judging people or their work, or deciding anything about them: it was made to compare ways of training.",
    "Other text than it was trained on (English film reviews, questions, captions and news): no score here says how "
    "well it does there.",
    "A comparison with published test scores: its scores are of dev sets, by which its row may have been chosen.",
)


def write_card(index: Index, run: IndexedRun) -> str:
    """Markdown, of at most the 5,000 characters that MLflow's description has room for.

    Intervals are over the examples, for one model has one seed; they need the predictions, and are left out without.
    """
    record = run.training
    if record is None:
        raise ValueError(f"{run.row}-{run.seed}: its training has no record here")
    row = find_row(index.plan, run.phase, run.row)
    lines = [
        f"`{run.row}-{run.seed}`: {row.get('note', '')}".removesuffix(": "),
        "",
        "**Trained on**",
        *_list_training(record),
        "",
        "**Scores on the whole dev sets**",
        *_list_scores(run, row.get("tasks") or []),
        "",
        "**Not for**",
        *(f"- {line}" for line in NOT_FOR),
        *(f"- {line}" for line in (index.plan or {}).get("caveats", [])),
    ]
    return "\n".join(lines)[:5000]


def _list_training(record: Record) -> Iterator[str]:
    params, datasets = record["params"], record["datasets"]
    encoders = [data for data in datasets if data["context"] == "encoder"]
    yield from (f"- encoder {data['name']}, sha256 {data['digest'][:12]}" for data in encoders)
    for data in datasets:
        if data["context"] == "train":
            yield f"- {data['name']}: {data['num_examples']:,} examples, digest {data['digest'][:12]}"
    if "average" in params:
        yield f"- nothing: its {params['average']} are the mean of those of {', '.join(json.loads(params['members']))}"
    start = params.get("start.recipe")
    yield from ([f"- starts from phase 1, recipe {start}"] if start else [])
    for number in range(1, 1 + sum(key.endswith(".epochs") and key.startswith("schedule.") for key in params)):
        leg = {key: params.get(f"schedule.leg_{number}.{key}") for key in ("tasks", "epochs", "combine", "encoder")}
        yield f"- leg {number}: {leg['tasks']}, {leg['epochs']} epochs, {leg['combine']}, encoder {leg['encoder']}"
    cost = {name: points[-1][-1] for name, points in record["metrics"].items() if name.startswith("cost/") and points}
    if "cost/steps" in cost:
        yield f"- {cost['cost/steps']:,.0f} steps, {cost['cost/tokens']:,.0f} tokens"


def _list_scores(run: IndexedRun, tasks: list[str]) -> Iterator[str]:
    """A line of each task and of the mean over the tasks of its row."""
    metrics = run.evaluation["metrics"] if run.evaluation else {}
    values = {key: points[-1][-1] for key, points in metrics.items() if points}
    intervals = {} if run.predictions is None else _measure_intervals(run, values, tasks)
    for key, value in sorted(values.items()):
        if key != OVERALL and ("/" in key or key.rpartition(".")[2] not in METRICS):
            continue
        low, high = intervals.get(key, (None, None))
        sure = "" if low is None else f" ({low:.3f} to {high:.3f}, 95% over the examples)"
        collapsed = values.get(f"{key.partition('.')[0]}.collapsed") == 1.0
        yield f"- {key} {value:.3f}{sure}{' † nearly one prediction for all examples' if collapsed else ''}"


def _measure_intervals(
    run: IndexedRun, values: Mapping[str, float], tasks: list[str]
) -> dict[str, tuple[float, float]]:
    keys = {key.partition(".")[0]: key for key in values if key.rpartition(".")[2] in METRICS}
    scored: dict[str, TaskScores] = {}
    for task, path in find_tasks(run.predictions).items():
        if task in keys:
            found, metric = read_predictions(path), keys[task].rpartition(".")[2]
            predictions = {run.row: found.predictions_N[None]}
            scored[task] = score_task(task, metric, found.labels_N, predictions, {run.row: [run.seed]})
    intervals = {keys[task]: scores.interval(run.row) for task, scores in scored.items()}
    if len(tasks) > 1 and set(tasks) <= scored.keys():
        intervals[OVERALL] = average_tasks(OVERALL, scored, {run.row: tasks}).interval(run.row)
    return intervals
