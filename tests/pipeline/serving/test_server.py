"""`mlflow models serve` on a registered model: real requests, and the numbers of stages.predict."""

import csv
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from pipeline.runs import layout
from pipeline.serving.registry import name_model, register
from pipeline.serving.server import run_server
from stages import predict
from tests.pipeline.tracking.shown import project_all
from tests.servers import free_port, wait_for_server
from tests.tiny import PROFILE, REPOSITORY, TinyProject, call_stage


@pytest.fixture
def address(trained: TinyProject) -> Iterator[str]:
    """Where the trained row's model is served."""
    project_all(trained.root)
    register(PROFILE, trained.root)
    port = free_port()
    command = [sys.executable, "-m", "stages.serve", "--alias", "candidate", "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_for_server(port, process, "/ping")
            assert f"berty-tiny version 1: http://127.0.0.1:{port}/invocations" in process.stdout.readline()
            yield f"http://127.0.0.1:{port}/invocations"
        finally:
            process.terminate()


def ask(address: str, records: list[dict[str, object]], **headers: str) -> tuple[int, dict]:
    """The status and the content of the answer; NaN, which is no JSON, is an error."""
    body = json.dumps({"dataframe_records": records}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer, parse_constant=pytest.fail)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_server_and_stages_predict_give_the_same_numbers(trained, address):
    for task in ("sst", "para", "sts"):
        file = trained.root / layout.corpus(PROFILE) / trained.params.tasks[task].files.test
        model = layout.model(PROFILE, "phase2", "iteration_1", 0)
        call_stage(predict, "--weights", model, "--task", task, "--input", file, "--output", "out.csv")
        with open("out.csv", newline="") as out:
            expected = [float(row["prediction"]) for row in csv.DictReader(out)]
        with file.open(newline="") as source:
            rows = list(csv.DictReader(source, delimiter="\t"))
        names = [name for name in rows[0] if name.startswith("sentence")]
        records = [dict(zip(("sentence1", "sentence2"), (row[name] for name in names), strict=False)) for row in rows]
        status, answer = ask(address, records)
        assert status == 200
        assert [float(f"{row[task]:.7g}") for row in answer["predictions"]] == expected
    status, answer = ask(address, [{"sentence1": "A man runs .", "sentence2": "A man ."}, {"sentence1": "Good ."}])
    (pair, alone) = answer["predictions"]
    assert status == 200 and all(isinstance(value, float) for value in (*pair.values(), alone["sst"]))
    assert (alone["para"], alone["sts"]) == (None, None)
    status, answer = ask(address, [{"sentence1": "a"}, {"sentence1": None}])
    assert status == 400 and "sentence1 in row 1 is missing; allowed: text" in answer["message"]
    assert ask(address, [{"sentence1": "a"}], Host="evil.example")[0] == 403


def test_an_alias_of_no_version_is_refused(trained):
    with pytest.raises(ValueError, match=f"{name_model(PROFILE)}: no version is champion: `make register`"):
        run_server(PROFILE, "champion", 5001, trained.root)
