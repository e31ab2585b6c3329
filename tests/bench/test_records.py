"""The event file's share, and what the projection is measured on."""

import os

from bench import records
from pipeline.tracking.collect import collect


def test_a_record_has_as_many_points_as_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "NUM_RECORDS", 2)
    records.write_records(tmp_path)
    ((index,), problems) = collect(tmp_path)
    assert not problems and len({record["run_key"] for record in index.records}) == 2
    for record in index.records:
        assert sum(map(len, record["metrics"].values())) == records.NUM_POINTS


def test_the_projection_is_measured_and_leaves_the_environment_alone(monkeypatch):
    monkeypatch.setattr(records, "NUM_RECORDS", 2)
    monkeypatch.setattr(records, "NUM_POINTS", 22)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    measured = records.measure_projection()
    assert set(measured) == {"projection_first_s", "projection_again_s"} and min(measured.values()) > 0
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///elsewhere.db"
