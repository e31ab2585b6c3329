"""The pages worth opening: their addresses, their saved views, and in a real browser what they show."""

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Collection
from pathlib import Path
from urllib.parse import unquote

import pytest
from mlflow import MlflowClient

from pipeline.files.atomic import read_json, write_json, write_text
from pipeline.tracking.collect import collect
from pipeline.tracking.pages import list_pages
from pipeline.tracking.projection import project, project_live
from pipeline.tracking.store import tracking_uri
from tests.browser import find_chromium, open_browser
from tests.pipeline.conftest import Served
from tests.pipeline.tracking.synthetic import (
    ROW,
    ROWS,
    SEED,
    SEEDS,
    event_lines,
    make_training,
)
from tests.tiny import REPOSITORY

SERVER = "http://127.0.0.1:5001"
SECONDS_TO_SHOW = 90
SECONDS_TO_DRAW = 8  # after the text is there, for a picture with all its curves
REAL = "course_small"  # a profile whose results are in git, with the records that came from another machine
CLOSED_ASSISTANT = {"mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": "true", "mlflow.assistant.panelOpen_v1": "false"}
# The folder that the browser's pictures go to: `BERTY_SCREENSHOTS=docs python -m pytest tests/...`.
PARAMS_AND_SCORES = {"score.overall", "train.learning_rate"}  # MLflow renders the first of many metrics, and all tags
PICTURES = "BERTY_SCREENSHOTS"
PICTURED = ("table", "curves", "controls")


def project_all(root: Path, server: str = SERVER) -> list[str]:
    """Project everything; the lines of the pages."""
    indexes, _ = collect(root)
    project(indexes, root)
    return list(list_pages(root, server, indexes))


def saved_view(root: Path, name: str) -> dict:
    tags = MlflowClient(tracking_uri(root)).get_experiment_by_name("tiny").tags
    return json.loads(tags[f"mlflow.sharedViewState.{name}"])


def test_the_pages_are_of_the_current_table(project_root: Path) -> None:
    table, curves, rows, controls, _, report = project_all(project_root)
    assert table.startswith(f"table 2 of tiny: {SERVER}/#/experiments/1/runs?")
    assert all("viewStateShareKey=table2" in page for page in (table, curves))
    assert "compareRunsMode=TABLE" in table and "compareRunsMode=CHART" in curves
    assert "compare-runs?runs=" in rows, "MLflow finds its runs only as the first key"
    ids = json.loads(unquote(rows.split("runs=")[1].split("&")[0]))
    client = MlflowClient(tracking_uri(project_root))
    assert [client.get_run(run_id).info.run_name for run_id in ids] == [f"{row}-{SEEDS[0]}" for row in ROWS]
    summary = controls.partition("/runs/")[2].partition("/artifacts/tables/controls.md")[0]
    assert client.get_run(summary).info.run_name == "summary"
    assert f"/runs/{summary}/artifacts/report.html?" in report


def test_the_saved_view_finds_the_runs_of_the_table(project_root: Path) -> None:
    project_all(project_root)
    view = saved_view(project_root, "table2")
    client = MlflowClient(tracking_uri(project_root))
    found = client.search_runs([client.get_experiment_by_name("tiny").experiment_id], view["searchFilter"])
    assert {run.info.run_name for run in found} == {f"{row}-{seed}" for row in ROWS for seed in SEEDS}
    assert {"metrics.`overall`", "metrics.`sst.accuracy`"} <= set(view["selectedColumns"])
    charted = {key for chart in view["compareRunCharts"] for key in chart["selectedMetricKeys"]}
    assert {"overall", "sst.accuracy", "dev/sst.accuracy", "train/sst.accuracy"} <= charted
    (parallel,) = [chart for chart in view["compareRunCharts"] if chart["type"] == "PARALLEL"]
    assert parallel["selectedMetrics"] == ["overall", "sst.accuracy"]
    sections = {section["uuid"] for section in view["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} <= sections


def test_a_run_that_goes_on_is_in_the_comparison(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project_all(project_root)
    live = make_training(ROW, SEED) | {"run_key": "8" * 64}
    write_text(project_root / ".work" / live["run_key"] / "events.jsonl", "".join(event_lines(live)))
    monkeypatch.setattr(time, "time", lambda: live["end_time"] / 1000)
    project_live(project_root)
    client = MlflowClient(tracking_uri(project_root))
    search = saved_view(project_root, "table2")["searchFilter"]
    found = client.search_runs(
        [client.get_experiment_by_name("tiny").experiment_id], f"{search} and status = 'RUNNING'"
    )
    assert [run.data.tags["run_key"] for run in found] == [live["run_key"]]


@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on PATH: the test of MLflow's pages needs a browser")
def test_a_browser_shows_the_rows_and_their_metrics(
    root: Path,
    served: Served,
    empty_store: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the real results that are in git."""
    shutil.copytree(REPOSITORY / "results" / REAL, root / "results" / REAL)
    shutil.copy(empty_store, served.database)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{served.database}")
    pages = [page.partition(": ")[2] for page in project_all(root, served.uri)]
    texts = asyncio.run(look_at(pages, tmp_path_factory.mktemp("browser")))
    assert set(texts) == {"table", "curves", "rows", "controls"}
    for name in ("table", "curves", "rows"):
        assert "iteration_2-0" in texts[name] and "iteration_3-0" in texts[name], name
    assert "overall" in texts["table"] and "Scores after each epoch" in texts["curves"]


SCORES = ("sst.accuracy", "para.accuracy", "sts.pearson", "overall")


async def look_at(pages: list[str], memory: Path) -> dict[str, str]:
    """The text of each page, once its rows and their scores are there."""
    texts = {}
    table, curves, rows = pages[:3]
    (controls,) = [page for page in pages if "controls.md" in page]
    differences = re.findall(r"[+-]\d\.\d{3} \(.*?\)", (REPOSITORY / "results" / REAL / "controls.md").read_text())
    assert differences
    records = REPOSITORY / "results" / REAL / "imported/records"
    files = records.glob("eval_phase2/*/record.json")
    metrics = {file.parent.name: read_json(file)["metrics"] for file in files}
    found = f"{len([*records.glob('eval_phase2/*'), *records.glob('eval_average/*')])} matching runs"
    first = {run for run in metrics if run.endswith("-0")}  # the page of rows side by side has one seed of each
    assert 1 < len(first) < len(metrics)

    def has_rows(text: str) -> bool:
        return all(run in text for run in metrics)

    def has_scores(text: str, runs: Collection[str] = metrics) -> bool:
        scores = {f"{metrics[run][name][-1][2]:.3f}" for run in runs for name in SCORES}
        return all(run in text for run in runs) and scores <= set(re.findall(r"-?\d\.\d+", text))

    async with open_browser(memory, width=1700, height=1150) as page:
        await page.open(table.partition("#")[0])
        for key, value in CLOSED_ASSISTANT.items():
            await page.evaluate(f"localStorage.setItem('{key}', '{value}')")
        for name, address, is_there in (
            ("table", table, lambda text: has_scores(text) and found in text),
            ("curves", curves, lambda text: has_rows(text) and "Scores after each epoch" in text),
            ("rows", rows, lambda text: has_scores(text, first) and set(text.split()) >= PARAMS_AND_SCORES),
            ("controls", controls, lambda text: all(difference in text for difference in differences)),
        ):
            await page.open("about:blank")  # another address after the # alone does not load the page again
            await page.open(address)
            texts[name] = await page.wait_for(is_there, SECONDS_TO_SHOW)
            if (folder := os.environ.get(PICTURES)) and name in PICTURED:
                await asyncio.sleep(SECONDS_TO_DRAW)
                await page.screenshot(Path(folder) / f"{name}.png")
    return texts


def test_the_table_has_the_digits_that_mean_something(project_root: Path) -> None:
    plan = project_root / "artifacts/tiny/plan/index.json"
    write_json(plan, read_json(plan) | {"tasks": {"sst": {"metric": "accuracy"}}})
    project_all(project_root)
    view = saved_view(project_root, "table2")
    assert view["selectedColumns"][:2] == ["tags.`score.sst`", "tags.`score.overall`"]
    assert "metrics.`sst.accuracy`" in view["selectedColumns"], "the mean over seeds"
    client = MlflowClient(tracking_uri(project_root))
    runs = client.search_runs([client.get_experiment_by_name("tiny").experiment_id], view["searchFilter"])
    assert {(run.data.tags["score.sst"], run.data.tags["score.overall"]) for run in runs} == {("0.500", "0.600")}
