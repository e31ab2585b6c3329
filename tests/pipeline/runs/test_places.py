"""Where a file of an archive may lie, and where it goes."""

import re
from pathlib import PurePosixPath

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.config.schema import Name
from pipeline.reporting.report import REPORT_FILES
from pipeline.runs.places import NAME, destination, is_place

RUN = "artifacts/tiny/records/phase2/iteration_3-0"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("artifacts/tiny/plan/index.json", "imported/plan/index.json"),
        ("artifacts/tiny/plan/runs/part1/sst_pretrain-0.json", None),
        (f"{RUN}/record.json", "imported/records/phase2/iteration_3-0/record.json"),
        (f"{RUN}/start.json", "imported/records/phase2/iteration_3-0/start.json"),
        ("artifacts/tiny/records/eval_part1/a-12/record.json", "imported/records/eval_part1/a-12/record.json"),
        ("artifacts/tiny/records/data/download/record.json", "imported/records/data/download/record.json"),
        ("artifacts/tiny/summary/record.json", "imported/summary/record.json"),
        ("results/tiny/predictions/phase2/iteration_3-0/para.csv.gz", "predictions/phase2/iteration_3-0/para.csv.gz"),
        *((f"results/tiny/{name}", name) for name in REPORT_FILES),
    ],
)
def test_every_file_of_a_profile_has_its_place(name: str, place: str | None) -> None:
    assert is_place(name)
    assert is_place(name, "tiny")
    assert not is_place(name, "other")
    assert destination(name) == (PurePosixPath(place) if place else None)


@pytest.mark.parametrize(
    "name",
    [
        "/artifacts/tiny/plan/index.json",
        "../artifacts/tiny/plan/index.json",
        "artifacts/../plan/index.json",
        "results/tiny/../x.csv",
        "results/tiny/x.csv/../../../y.csv",
        "results/tiny/a.csv\n",
        "results/tiny/x.py",
        "results/tiny/x.csv.gz",
        "results/tiny/.x.csv",
        "results/tiny/data.json",
        "results/tiny/imported/plan/index.json",
        "results/Tiny-1/x.csv",
        "artifacts/tiny/phase2/iteration_3-0/weights.safetensors",
        f"{RUN}/weights.safetensors",
        "artifacts/tiny/records/part1/sst_pretrain-0/start.json",
        "artifacts/tiny/records/phase3/a-0/record.json",
        "artifacts/tiny/records/phase2/a/record.json",
        "stages/train.py",
        "",
    ],
)
def test_nothing_else_has_one(name: str) -> None:
    assert not is_place(name)


@pytest.mark.parametrize("name", ["tiny", "course_small", "a1_2", "Tiny", "a-b", "a__b", "_a", "a_", "", "a.b", "../a"])
def test_names_are_those_of_params_yaml(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
        is_name = True
    except ValidationError:
        is_name = False
    assert (re.fullmatch(NAME, name) is not None) == is_name
