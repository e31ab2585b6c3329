"""What an edit reruns and what a kill loses, on the tiny profile, run by DVC."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.graph.project import trained
from tests.tiny import PROFILE


def test_nothing_changed_nothing_runs(project):
    done = project.dvc("repro")
    assert "Data and pipelines are up to date." in done.stdout
    assert "Running stage" not in done.stdout


def test_what_does_not_change_the_meaning_of_the_code_runs_no_stage_again(project, edit):
    """Comments, docstrings, formatting, new files and options that no row uses, a new profile, another table's code."""
    for path in [project.root / "model/bert.py", *(project.root / "pipeline/training").glob("*.py")]:
        text = path.read_text()
        body = text.split('"""', 2)[2].replace("\n\n", "\n\n\n")
        edit(path, f'"""Another first sentence."""\n# A comment.\n{body}')
    edit(project.root / "model/combine/another.py", (project.root / "model/combine/pcgrad.py").read_text())
    edit(project.root / "model/heads/another.py", (project.root / "model/heads/classify.py").read_text())
    schema = (project.root / "pipeline/config/schema.py").read_text()
    option = "    log_every: Count  # steps\n"
    edit(project.root / "pipeline/config/schema.py", schema.replace(option, f"{option}    new_option: bool = False\n"))
    neutral = project.root / "pipeline/runs/neutral.py"
    edit(neutral, neutral.read_text().replace("TRAIN = {", 'TRAIN = {\n    "new_option": False,'))
    edit(project.root / "pipeline/reporting/tables.py", "SOMETHING = 1\n", append=True)
    params = project.params
    params["profiles"]["another"] = params["profiles"][PROFILE] | {"note": "Another."}
    project.write(params)
    assert set(project.repro()) <= {"digest@", "plan@"}


def test_a_changed_and_a_new_row_train_themselves_alone_and_notes_and_removed_rows_nothing(project):
    params = project.params
    params["iterations"]["iteration_2"] |= {"note": "Another note.", "paper": {"sst": 0.5}}
    params["profiles"][PROFILE]["note"] = "Another description."
    params["iterations"]["iteration_3"]["schedule"][0]["epochs"] = 2
    leg = {"tasks": ["sst", "sts"], "epochs": 1, "combine": "pcgrad"}
    params["iterations"]["new_idea"] = {"control": "iteration_1", "schedule": [leg]}
    params["rows"].append("new_idea")
    project.write(params)
    ran = project.repro()
    assert trained(ran) == ["phase2@-iteration_3-0", "phase2@-new_idea-0"]
    assert [stage for stage in ran if stage.startswith("eval_")] == [f"eval_{stage}" for stage in trained(ran)]
    assert "Another note." in (project.root / f"results/{PROFILE}/table2.md").read_text()
    params["rows"].remove("new_idea")
    project.write(params)
    assert trained(project.repro()) == []
    assert "new_idea" not in (project.root / f"results/{PROFILE}/table2.csv").read_text()


def test_a_changed_method_retrains_the_rows_that_use_it_and_a_changed_encoder_all(project, edit):
    pcgrad = project.root / "model/combine/pcgrad.py"
    edit(pcgrad, pcgrad.read_text().replace("inner < 0", "inner < -1e-30"))
    ran = project.repro()
    assert trained(ran) == ["phase2@-iteration_3-0"]
    assert [stage for stage in ran if stage.startswith("eval_")] == ["eval_phase2@-iteration_3-0"]
    bert = project.root / "model/bert.py"
    edit(bert, bert.read_text().replace("attended_RD, hidden_RD,", "attended_RD, 1 * hidden_RD,"))
    project.dvc("repro", "--quiet", f"plan@{PROFILE}")
    stale = {stage.replace(f"@{PROFILE}", "@") for stage in json.loads(project.dvc("status", "--json").stdout)}
    assert trained(list(stale)) == trained(project.first_run), "all would train"


def test_a_changed_recipe_trains_itself_and_the_rows_that_start_from_it(project):
    params = project.params
    params["phase1"]["sst_then_sts"]["train"] = {"learning_rate": 2.0e-3}
    project.write(params)
    assert trained(project.repro()) == [
        "phase1@-sst_then_sts-0",
        "phase2@-iteration_2-0",
        "phase2@-iteration_3-0",
    ]


def test_a_new_seed_and_a_new_encoder_train_only_themselves(project):
    params = project.params
    params["encoders"]["another"] = dict(params["encoders"]["minilm"])
    for name in ("model.safetensors", "vocab.txt"):
        params["assets"][f"another/{name}"] = {"sha256": "0" * 64, "sources": []}
    params["seeds"], params["rows"] = [0, 1], ["iteration_1"]
    del params["part1"]["modes"]["finetune"]
    project.write(params)
    ran = trained(project.repro())
    assert all(stage.endswith("-1") for stage in ran) and "phase2@-iteration_1-1" in ran
    table = (project.root / f"results/{PROFILE}/table2.csv").read_text()
    assert all(line.split(",")[5] == "2" for line in table.splitlines()[1:])


def test_a_typo_stops_everything_before_anything_trains(project):
    lock = (project.root / "dvc.lock").read_bytes()
    for change, message in (({"contrl": "iteration_2"}, "contrl"), ({"control": "iteration_9"}, "iteration_9")):
        before, params = project.params, project.params
        params["iterations"]["iteration_3"] |= change
        project.write(params)
        done = project.dvc("repro", check=False)
        project.write(before)
        assert done.returncode != 0
        assert message in done.stdout + done.stderr
        assert set(re.findall(r"Running stage '(\w+)@", done.stdout)) <= {"digest", "plan"}
        assert (project.root / "dvc.lock").read_bytes() == lock


def test_a_killed_phase_2_goes_on_and_ends_with_the_same_weights(project):
    """Kill -9 twice at different steps; the checkpoint is outside what DVC deletes."""
    params = project.params
    params["iterations"]["iteration_3"]["schedule"][0]["epochs"] = 6
    params["iterations"]["iteration_3"]["note"] = "undisturbed"
    project.write(params)
    command = ["dvc", "repro", f"phase2@{PROFILE}-iteration_3-0"]
    project.dvc(*command[1:])
    undisturbed = project.weights("iteration_3")
    # Another note leaves run file and key alone; the run cache must not serve what is to be trained again.
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/phase2/iteration_3-0")
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0")
    command.insert(2, "--single-item")
    steps = []
    for _ in range(2):
        process = subprocess.Popen(command, cwd=project.root, env=project.cold, start_new_session=True)
        seen = steps[-1] if steps else 0
        deadline = time.monotonic() + 120
        while (step := checkpoint_step(project.root)) <= seen + 2:
            assert time.monotonic() < deadline and process.poll() is None, "no progress to kill"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        steps.append(step)
    assert not (project.root / f"artifacts/{PROFILE}/phase2/iteration_3-0/weights.safetensors").exists()
    project.dvc(*command[1:])
    assert project.weights("iteration_3") == undisturbed
    record = json.loads((project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0/record.json").read_text())
    assert record["tags"]["num_resumed"] == "2"


def checkpoint_step(root: Path) -> int:
    """The optimizer steps that the only checkpoint there is has behind it; 0 without one."""
    for path in (root / ".work").glob("*/checkpoint.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return json.loads(header["__metadata__"]["progress"])["total_steps"]
    return 0
