"""`make vouch` on a real graph: what it re-keys is not trained again, and what it must not let pass."""

import json
import re
import shutil
import subprocess

from tests.graph.project import list_runs
from tests.tiny import PROFILE


def vouch(project) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and of every stage what came of it and why."""
    command = ["python", "-m", "stages.vouch"]
    done = subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    lines = re.findall(rf"^(\S.*?) +(\w+)@{PROFILE}-(\S+)-0 +(.*)$", done.stdout, re.MULTILINE)
    return done.returncode, {f"{phase}@{name}": (outcome, why) for outcome, phase, name, why in lines}


def read_record(project, kind: str = "") -> dict:
    folder = project.root / f"artifacts/{PROFILE}/records/{kind}phase2/iteration_3-0"
    return json.loads((folder / "record.json").read_text())


def replace(project, edit, name: str, before: str, after: str) -> None:
    text = (project.root / name).read_text()
    assert before in text
    edit(project.root / name, text.replace(before, after))


def leave_rows(project) -> None:
    """Two rows and what they start from: the others are not asked about, and each is a replay."""
    params = project.params
    params["rows"] = ["untrained", "iteration_3"]
    del params["part1"]["modes"]["finetune"]
    del params["iterations"]["iteration_3"]["control"]
    project.write(params)


def test_a_refactoring_is_vouched_for_and_nothing_is_trained(project, edit):
    weights, record, runs = project.weights("iteration_3"), read_record(project), list_runs(project.root)
    replace(project, edit, "pipeline/training/loop.py", "_finish_epoch", "_end_epoch")
    code, verdicts = vouch(project)
    assert code == 0 and {outcome for outcome, _ in verdicts.values()} == {"vouched"}, verdicts
    assert len(verdicts) == 8
    after = read_record(project)
    assert after["run_key"] != record["run_key"] == after["tags"]["original_key"]
    assert after["tags"]["vouched"].startswith("first 5 steps and the probe bit for bit; code ")
    assert read_record(project, "eval_")["run_key"] == after["run_key"]
    assert after["metrics"] == record["metrics"] and after["start_time"] == record["start_time"]
    assert {stage.split("@")[0] for stage in project.repro()} == {"report", "track"}
    assert project.weights("iteration_3") == weights
    again = list_runs(project.root)
    ids = {run.info.run_id: run for run in again.values()}
    assert {run.info.run_id for key, run in runs.items() if run.data.tags["kind"] == "training"} <= set(ids)
    of_the_row = [run for run in ids.values() if run.data.tags["row"] == "iteration_3"]
    assert len(of_the_row) == 1 and of_the_row[0].data.tags["run_key"] == after["run_key"]
    # A second time there is nothing to do, and a key that was vouched for is one to vouch from.
    assert {outcome for outcome, _ in vouch(project)[1].values()} == {"unchanged"}


def test_what_changes_a_result_is_refused_with_the_first_step_that_differs_and_a_changed_row_left_to_train(
    project, edit
):
    """What is on record was vouched for by the test before, and is judged again."""
    before = read_record(project)
    replace(project, edit, "model/adamw.py", 'lr=group["lr"]', 'lr=group["lr"] * 1.0001')
    params = project.params
    params["iterations"]["iteration_2"]["train"] = {"learning_rate": 2.0e-3}
    params["iterations"]["iteration_1"]["train"] = {"batch_size": 4}
    params["rows"].remove("baseline_frozen")
    del params["part1"]["modes"]["finetune"]
    project.write(params)
    code, verdicts = vouch(project)
    assert code == 1
    outcome, why = verdicts["phase2@iteration_3"]
    assert outcome == "refused" and re.match(r"step 2, loss of (sst|para|sts): \S+ on record, now \S+", why)
    assert read_record(project) == before
    assert verdicts["phase2@untrained"][0] == "vouched", "no step is taken, so none can differ"
    for row in ("iteration_1", "iteration_2"):
        assert verdicts[f"phase2@{row}"] == ("to train", "its run file differs in train")


def test_a_change_that_the_replay_does_not_execute_is_refused_by_name(project, edit):
    leave_rows(project)
    replace(project, edit, "pipeline/training/optimization.py", "(squares_K).diag()", "(squares_K).diag(0)")
    code, verdicts = vouch(project)
    assert code == 1
    named = "a change that the replay did not execute: pipeline.training.optimization.LegOptimizer._head_gramian"
    assert verdicts["phase2@iteration_3"] == ("refused", named)
    assert verdicts["phase2@untrained"][0] == "vouched", "it takes no step"


def test_other_predictions_and_other_scores_of_the_same_outputs_are_refused(project, edit):
    leave_rows(project)
    replace(project, edit, "model/heads/classify.py", "argmax", "argmin")
    replace(project, edit, "pipeline/evaluation/metrics/pearson.py", "return float(", "return 0.5 * float(")
    code, verdicts = vouch(project)
    assert code == 1
    assert verdicts["phase2@iteration_3"] == ("refused", "predictions of sst are other than those of its file")
    assert re.match(r"(score sts.pearson: \S+ on record|predictions of s)", verdicts["phase1@sst_then_sts"][1])


def test_a_run_that_was_trained_elsewhere_is_vouched_for_by_its_probe(project, edit, tmp_path):
    """Records and predictions came back from another machine, weights did not."""
    leave_rows(project)
    here, imported = project.root / f"artifacts/{PROFILE}", project.root / f"results/{PROFILE}/imported"
    for name in ("records", "predictions"):
        shutil.move(here / name, imported / name)
    for name in ("part1", "phase1", "phase2"):
        shutil.rmtree(here / name)
    try:
        replace(project, edit, "pipeline/training/loop.py", "_open_bar", "_open_progress")
        code, verdicts = vouch(project)
        assert code == 0 and {outcome for outcome, _ in verdicts.values()} == {"vouched"}, verdicts
        records = [json.loads(path.read_text()) for path in imported.glob("records/*phase2/iteration_3-0/record.json")]
        assert len({record["run_key"] for record in records}) == 1 < len(records)
        assert all(record["tags"]["original_key"] != record["run_key"] for record in records)
    finally:
        shutil.rmtree(imported)
