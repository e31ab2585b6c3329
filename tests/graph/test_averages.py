"""Rows that average others, added to a finished project: nothing trains, and both are in the tables."""

import csv
import json
import subprocess

from tests.graph.project import list_runs, trained
from tests.tiny import PROFILE


def read_table(project, name):
    with (project.root / f"results/{PROFILE}/{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_averages_train_nothing_and_follow_their_members(project):
    params, key = project.params, "iterations"
    of = ["iteration_2", "iteration_3"]
    params[key]["ensemble"] = {"average": "outputs", "of": of, "control": "iteration_3"}
    params[key]["soup"] = {"average": "weights", "of": of, "control": "ensemble"}
    params["averages"] = ["ensemble", "soup"]
    project.write(params)
    ran = project.repro()
    assert trained(ran) == []
    stages = [f"{stage}@-{row}-0" for row in ("ensemble", "soup") for stage in ("members", "average", "eval_average")]
    # All that there is of phase 2 stays as it is.
    assert sorted(stage for stage in ran if "-" in stage) == sorted(stages)
    rows = [line["row"] for line in read_table(project, "table2")]
    assert rows[-8:] == ["ensemble"] * 4 + ["soup"] * 4
    controls = {line["row"]: line["control"] for line in read_table(project, "controls")}
    assert (controls["ensemble"], controls["soup"]) == ("iteration_3", "ensemble")
    costs = {line["row"]: line for line in read_table(project, "costs")}
    once = float(costs["iteration_2"]["steps"]) + float(costs["iteration_3"]["steps"])
    (recipe,) = (project.root / f"artifacts/{PROFILE}/records/phase1").glob("*/record.json")
    shared = json.loads(recipe.read_text())["metrics"]["cost/steps"][-1][-1]
    assert float(costs["soup"]["steps"]) == float(costs["ensemble"]["steps"]) == once - shared
    assert costs["soup"]["start"] == "iteration_2 + iteration_3" and costs["soup"]["keep"] == "best"
    assert (project.root / f"results/{PROFILE}/predictions/average/soup-0/sst.csv").is_file()
    tags = {run.data.tags["row"]: run.data.tags for run in list_runs(project.root).values()}
    assert tags["soup"]["phase"] == tags["ensemble"]["phase"] == "phase2" and "weights" not in tags["ensemble"]
    assert tags["soup"]["reproduce"].endswith(f"dvc repro average@{PROFILE}-soup-0")

    # The engine does the same, and makes them again when a member has other weights.
    params[key]["iteration_3"]["train"] = {"learning_rate": 2e-3}
    project.write(params)
    command = ["python", "-m", "stages.repro", "--jobs", "2"]
    done = subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3 runs to train" in done.stdout and "average/soup-0 is done" in done.stdout, done.stdout
    # The gate knows them: what has not changed is identical, whatever has collapsed in so small a project.
    for stage in ("stages.bless", "stages.check"):
        command = ["python", "-m", stage, *(["--yes"] if stage == "stages.bless" else [])]
        done = subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)
    assert ": 0 regressed" in done.stdout and "average  ensemble" in done.stdout, done.stdout + done.stderr
