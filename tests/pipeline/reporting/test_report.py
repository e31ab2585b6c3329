"""The whole report of a small profile, through its stage."""

import json

import pandas as pd
import pytest
import yaml

from pipeline.files.atomic import read_json, write_text
from pipeline.reporting.report import REPORT_FILES
from pipeline.runs.record import read_record
from stages import report as stage
from tests.tiny import REPOSITORY, call_stage

TWO_SEEDS = [{"sst": 0.4, "para": 0.8, "sts": 0.6}, {"sst": 0.6, "para": 0.8, "sts": 0.7}]


def report(profile, tmp_path, monkeypatch, name="demo") -> dict[str, bytes]:
    """Run the stage and return the files that it wrote."""
    monkeypatch.chdir(tmp_path)
    call_stage(stage, "--profile", name)
    return {path.name: path.read_bytes() for path in profile.results.iterdir() if path.is_file()}


@pytest.fixture
def full_profile(profile):
    profile.add("part1", "sst_pretrain", [{"sst": 0.25}, {"sst": 0.75}], paper={"sst": 0.399})
    profile.add("phase2", "iteration_2", TWO_SEEDS)
    profile.add("phase2", "iteration_3", TWO_SEEDS[::-1], control="iteration_2")
    return profile


def test_report_writes_every_file_and_the_same_bytes_twice(full_profile, tmp_path, monkeypatch):
    first = report(full_profile, tmp_path, monkeypatch)
    assert set(first) == set(REPORT_FILES)
    assert report(full_profile, tmp_path, monkeypatch) == first
    assert json.loads(first["metrics.json"])["sst_pretrain"] == {"sst.accuracy": 0.5}
    table2 = pd.read_csv(full_profile.results / "table2.csv")
    assert list(table2.columns) == ["row", "task", "metric", "mean", "sd", "n", "paper"]
    assert list(table2["row"].unique()) == ["iteration_2", "iteration_3"]


def test_dvc_yaml_lists_every_file(full_profile):
    text = (REPOSITORY / "dvc.yaml").read_text().replace("${item.profile}", "demo")
    stage = yaml.safe_load(text)["stages"]["report"]
    entries = [entry for part in ("outs", "metrics", "plots") for entry in stage[part] if isinstance(entry, dict)]
    options = {path: settings["cache"] for entry in entries for path, settings in entry.items()}
    published = [*REPORT_FILES, "data.json", "data.md", "predictions"]
    assert options == {f"results/demo/{name}": False for name in published}


def test_summary_record_holds_the_tables(full_profile, tmp_path, monkeypatch):
    report(full_profile, tmp_path, monkeypatch)
    record = read_record(tmp_path / "artifacts/demo/summary/record.json")
    identity = {key: record[key] for key in ("kind", "profile", "phase", "row", "seed")}
    assert identity == {"kind": "summary", "profile": "demo", "phase": "summary", "row": "summary", "seed": None}
    flat = {
        f"table/{row}.{key}": value
        for row, scores in read_json(full_profile.results / "metrics.json").items()
        for key, value in scores.items()
    }
    assert {key: points[0][2] for key, points in record["metrics"].items()} == flat
    assert record["artifacts"] == [f"results/demo/{name}" for name in REPORT_FILES]
    assert (record["start_time"], record["end_time"]) == (1_000, 2_001)


def test_row_that_left_the_plan_leaves_the_tables(full_profile, tmp_path, monkeypatch):
    full_profile.index["phase2"] = full_profile.index["phase2"][:1]
    full_profile.save()
    files = report(full_profile, tmp_path, monkeypatch)
    texts = [content for name, content in files.items() if not name.endswith((".png", ".svg"))]
    assert not any(b"iteration_3" in text for text in texts)


def test_plan_of_another_profile_is_refused(profile, tmp_path, monkeypatch):
    profile.index["profile"] = "paper"
    profile.save()
    with pytest.raises(ValueError, match="plan of 'paper', not of 'demo'"):
        report(profile, tmp_path, monkeypatch)


def list_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_plan_lists_is_published_and_nothing_else(full_profile, tmp_path, monkeypatch):
    full_profile.add("phase1", "recipe", [{"sst": 0.5}, {"sst": 0.5}])
    full_profile.write_predictions("phase2", "gone", 0, "sst", [0.0], [1.0])
    write_text(full_profile.results / "predictions/phase2/old-0/sst.csv", "of a plan before")
    write_text(tmp_path / "artifacts/demo/data/data.md", "the data")
    report(full_profile, tmp_path, monkeypatch)
    published = list_files(full_profile.results / "predictions")
    expected = list_files(full_profile.predictions)
    assert expected.pop("phase2/gone-0/sst.csv") and "phase1/recipe-1/sst.csv" in expected
    assert published == expected
    assert (full_profile.results / "data.md").read_text() == "the data"
    assert not (full_profile.results / "data.json").exists()


def test_imported_runs_are_reported_where_they_lie(full_profile, tmp_path, monkeypatch):
    first = report(full_profile, tmp_path, monkeypatch)
    (tmp_path / "artifacts/demo").rename(tmp_path / "results/demo/imported")
    (tmp_path / "results/demo/imported/summary/record.json").unlink()
    assert report(full_profile, tmp_path, monkeypatch) == first
    assert not (tmp_path / "artifacts/demo").exists()
    assert (tmp_path / "results/demo/imported/summary/record.json").is_file()
    published = (tmp_path / "results/demo/predictions/phase2/iteration_2-0/sst.csv").read_bytes()
    assert published == (tmp_path / "results/demo/imported/predictions/phase2/iteration_2-0/sst.csv").read_bytes()
