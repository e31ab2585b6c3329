"""The pages of MLflow worth opening, as addresses, and the saved views that they show.

A saved view is a tag of the experiment that the page of MLflow 3.17 reads: filter, columns, groups and charts as json
(the state that its button "Share" saves). So a table or its curves are one address, without a click.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlflow import MlflowClient

from pipeline.runs.index import Index
from pipeline.tracking.store import find_experiment, find_runs, name_failures, open_store
from pipeline.tracking.tags import SCORE_TAG
from pipeline.tracking.view import RunView

VIEW_TAG = "mlflow.sharedViewState."
TABLES = {"part1": "table1", "phase2": "table2"}  # a phase, and its view's name in tag and address
# Artifacts of the summary run that MLflow shows, and what they are.
SHOWN = {
    "tables/controls.md": "each row minus its control",
    "tables/table2.md": "its means over seeds, with intervals",
    "report.html": "the whole report",
}
MENU = "workflowType=machine_learning"  # else MLflow's pages come with the menu for chat agents

NAME_WIDTH, SCORE_WIDTH = 300, 190  # pixels, of a table's columns: scores have all their digits there

PER_EPOCH = ("dev", "train")  # metric keys are <split>/<task>.<metric>
GRADIENTS, NORM = "gradients", "gradients/norm."
COMPARED = "tags.phase = '{phase}' and tags.current = 'true'"


def save_views(client: MlflowClient, experiment_id: str, views: list[RunView]) -> None:
    """Write the saved view of each table that has runs; one that is as it should be is left alone."""
    saved = client.get_experiment(experiment_id).tags
    for phase, name in TABLES.items():
        runs = [view for view in views if view.tags.get("phase") == phase and view.is_planned]
        state = json.dumps(_compose_state(phase, runs))
        if runs and saved.get(f"{VIEW_TAG}{name}") != state:
            client.set_experiment_tag(experiment_id, f"{VIEW_TAG}{name}", state)


def _compose_state(phase: str, runs: list[RunView]) -> dict[str, Any]:
    keys = {point.key for view in runs for point in view.points}
    curves = sorted({key.partition("/")[2] for key in keys if key.startswith(f"{PER_EPOCH[0]}/")})
    scores = [key for key in ("overall", *curves) if key in keys]
    gradients = sorted(key for key in keys if key.startswith(f"{GRADIENTS}/"))
    norms = [key for key in gradients if key.startswith(NORM)]
    norm_charts = [_make_chart("LINE", "norms of the tasks' gradients", norms) | {"scaleType": "log"}] if norms else []
    chosen = {"selectedParams": [], "selectedMetrics": scores}
    parallel = [_make_chart("PARALLEL", "all scores", scores) | chosen] if len(scores) > 1 else []
    sections = {
        "Scores after each epoch: dev solid, train dashed": [
            _make_chart("LINE", key, [f"{split}/{key}" for split in PER_EPOCH]) for key in curves
        ],
        "Gradients: their norms, and of two tasks the cosine and the fraction of steps in conflict": [
            *norm_charts,
            *(_make_chart("LINE", key, [key]) for key in gradients if key not in norms),
        ],
        "Scores on the whole dev set": [
            *parallel,
            *(_make_chart("BAR", key, [key]) for key in scores),
        ],
    }
    tags = list(dict.fromkeys(tag for view in runs for tag in view.tags if tag.startswith(SCORE_TAG)))
    is_grouped = len({view.tags.get("seed") for view in runs}) > 1
    # MLflow shows every digit of a metric, but a mean over seeds of nothing else: those are there where there are some.
    means = {f"metrics.`{key}`": SCORE_WIDTH for key in scores if is_grouped or not tags}
    columns = {f"tags.`{tag}`": SCORE_WIDTH for tag in tags} | means | {"tags.`control`": NAME_WIDTH}
    groups = {key.partition("/")[0] if "/" in key else "Model metrics" for key in keys}
    average = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": "row"}]}
    return {
        "searchFilter": COMPARED.format(phase=phase),
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(columns),
        "columnOrder": ["attributes.`Run Name`", *columns],
        "columnWidths": {"attributes.`Run Name`": NAME_WIDTH} | columns,
        "groupBy": average if is_grouped else None,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": [chart | {"metricSectionId": name} for name in sections for chart in sections[name]],
        # MLflow puts a chart of each metric into a section of its own making: those are there, but closed.
        "compareRunSections": [
            *(_make_section(name, is_open=True) for name in sections if sections[name]),
            *(_make_section(name, is_open=False) for name in sorted(groups)),
        ],
        "isAccordionReordered": True,
    }


def _make_chart(kind: str, name: str, keys: list[str]) -> dict[str, Any]:
    return {
        "uuid": f"{kind} {name}",
        "type": kind,
        "displayName": name,
        "metricKey": keys[0],
        "selectedMetricKeys": keys,
        "isGenerated": False,
        "deleted": False,
        "runsCountToCompare": 100,
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
        "lineSmoothness": 0,
        "useGlobalXaxisKey": True,
        "useGlobalLineSmoothing": True,
    }


def _make_section(name: str, is_open: bool) -> dict[str, Any]:
    return {"uuid": name, "name": name, "display": is_open, "isReordered": True, "deleted": False,
            "isGenerated": not is_open, "columns": 3, "cardHeight": 320}  # fmt: skip


def list_pages(root: Path, server: str, indexes: Iterable[Index]) -> Iterator[str]:
    """Give a line for each page of the profile with the newest summary, at a server such as http://127.0.0.1:5000.

    Its two tables, the curves of the second, the params of the rows side by side (a run per row, that of the lowest
    seed), and what of the report MLflow shows. Raises `StoreUnavailable`.
    """
    summaries = [index.summary for index in indexes if index.summary]
    if not summaries:
        return
    newest = max(summaries, key=lambda record: record["end_time"])
    profile, published = newest["profile"], {Path(name).name for name in newest["artifacts"]}
    store = open_store(root)
    with name_failures(store.uri):
        experiment = find_experiment(store, profile)
        found = [run for run in find_runs(store.client, experiment).values() if run.data.tags.get("current") == "true"]
    tables = f"{server}/#/experiments/{experiment}/runs?{MENU}"
    runs = [run for run in found if run.data.tags.get("phase") == "phase2"]
    if runs:
        yield f"table 2 of {profile}: {tables}&compareRunsMode=TABLE&viewStateShareKey={TABLES['phase2']}"
        yield f"its curves: {tables}&compareRunsMode=CHART&viewStateShareKey={TABLES['phase2']}"
        seed = min((run.data.tags["seed"] for run in runs), key=int)
        ids = {run.data.tags["row"]: run.info.run_id for run in runs if run.data.tags["seed"] == seed}
        chosen = f"runs={_quote_json([ids[row] for row in sorted(ids)])}&experiments={_quote_json([experiment])}"
        # The page looks for its runs under the key "?runs": they come first or not at all.
        yield f"its rows side by side: {server}/#/compare-runs?{chosen}&{MENU}"
    for run in (run for run in found if run.data.tags.get("kind") == "summary"):
        for artifact, name in SHOWN.items():
            if Path(artifact).name not in published:
                continue
            yield f"{name}: {server}/#/experiments/{experiment}/runs/{run.info.run_id}/artifacts/{artifact}?{MENU}"
    if any(run.data.tags.get("phase") == "part1" for run in found):
        yield f"table 1 of {profile}: {tables}&compareRunsMode=TABLE&viewStateShareKey={TABLES['part1']}"


def _quote_json(value: list[str]) -> str:
    return quote(json.dumps(value, separators=(",", ":")), safe=",")
