"""The whole graph on the tiny profile, run by DVC: what an edit reruns, what a kill loses, what MLflow shows."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tiny import PROFILE, REPOSITORY, write_tiny_params

ROWS = ("baseline_frozen", "iteration_1", "iteration_2", "iteration_3")


class Project:
    """A clone of the working tree with the tiny profile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        mirror = root.parent / "mirror"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        self.environment = environment | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "BERTY_MIRROR": str(mirror),
            "BERTY_CHECKPOINT_SECONDS": "0",
            "BERTY_THREADS": "1",
        }
        list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(list_files, cwd=REPOSITORY, text=True).splitlines():
            if (REPOSITORY / name).exists() and not name.startswith(("tests/", "results/", "dvc.lock")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, root / name)
        params = write_tiny_params(self.params, mirror)
        params["iterations"] = {row: params["iterations"][row] for row in ROWS if row in params["iterations"]} | {
            "baseline_frozen": {"schedule": [{"tasks": ["sst"], "epochs": 1, "encoder": "frozen"}]}
        }
        params["iterations"]["iteration_1"].pop("control", None)
        params["part1"]["tasks"] = {"sst": {}}
        for mode in params["part1"]["modes"].values():
            mode["paper"] = {}
        self.write(params)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "tiny")

    @property
    def params(self) -> dict[str, Any]:
        return yaml.safe_load((self.root / "params.yaml").read_text())

    def write(self, params: dict[str, Any]) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def git(self, *arguments: str) -> None:
        name = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", *name, *arguments], cwd=self.root, check=True)

    def dvc(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["dvc", *arguments], cwd=self.root, env=self.environment, check=False, capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done

    def repro(self) -> list[str]:
        """Run `dvc repro`; returns the stages that ran, the profile's name left out of theirs."""
        stages = re.findall(r"Running stage '(\S+)'", self.dvc("repro").stdout)
        return [stage.replace(f"@{PROFILE}", "@") for stage in stages]

    def weights(self, row: str) -> bytes:
        return (self.root / f"artifacts/{PROFILE}/phase2/{row}-0/weights.safetensors").read_bytes()


def trained(stages: list[str]) -> list[str]:
    return sorted(stage for stage in stages if stage.startswith(("part1@", "phase1@", "phase2@")))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("graph") / "project"
    root.mkdir()
    project = Project(root)
    project.first_run = project.repro()
    return project


@pytest.fixture(autouse=True)
def restore_params(project):
    """Every test begins with the same params.yaml; what it trained stays in DVC's run cache."""
    before = project.params
    yield
    project.write(before)


def test_the_stage_names_stay(project):
    names = set(project.dvc("stage", "list", "--name-only").stdout.split())
    for row in ROWS:
        assert {f"start@tiny-{row}-0", f"phase2@tiny-{row}-0", f"eval_phase2@tiny-{row}-0"} <= names
    for mode in ("pretrain", "finetune"):
        assert {f"part1@tiny-sst-{mode}-0", f"eval_part1@tiny-sst-{mode}-0"} <= names
    assert {"phase1@tiny-sst_then_sts-0", "eval_phase1@tiny-sst_then_sts-0"} <= names
    single = {f"{name}@tiny" for name in ("download", "tokenize", "plan", "report", "track")}
    assert single <= names and len(names) == 3 * len(ROWS) + 4 + 2 + len(single)
    assert len(project.first_run) == len(names), "the first run runs every stage"


def test_commands_json_says_what_dvc_runs(project):
    """Machines without DVC follow commands.json."""
    commands = json.loads((project.root / f"artifacts/{PROFILE}/plan/commands.json").read_text())
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    left_to_dvc = {f"{name}@tiny" for name in ("download", "tokenize", "plan", "track")}
    assert {row["stage"]: row["command"] for row in commands} == {
        name: stage["cmd"] for name, stage in lock.items() if name not in left_to_dvc
    }
    made_by = {out["path"]: stage for stage in lock for out in lock[stage]["outs"]}
    done = set(left_to_dvc)
    for row in commands:
        needs = {made_by[dep["path"]] for dep in lock[row["stage"]]["deps"] if dep["path"] in made_by}
        assert needs <= done, f"{row['stage']} comes before what it needs"
        done.add(row["stage"])
        assert any(Path(row["done"]).is_relative_to(out["path"]) for out in lock[row["stage"]]["outs"])


def test_results_are_what_the_interfaces_say(project):
    results = project.root / f"results/{PROFILE}"
    for name in ("table1.csv", "table2.csv"):
        assert (results / name).read_text().splitlines()[0] == "row,task,metric,mean,sd,n,paper"
    metrics = json.loads((results / "metrics.json").read_text())
    assert set(metrics) == {"sst_pretrain", "sst_finetune", *ROWS}
    assert set(metrics["iteration_3"]) == {"sst.accuracy", "para.accuracy", "sts.pearson", "overall"}
    assert (results / "predictions/phase2/iteration_3-0/para.csv").read_text().startswith("id,label,prediction\n")
    for name in ("figure2.png", "figure3.png", "conflicts.png"):
        assert (results / name).read_bytes().startswith(b"\x89PNG")
    folder = project.root / f"artifacts/{PROFILE}"
    weights = folder / "phase2/iteration_3-0/weights.safetensors"
    assert weights.stat().st_nlink > 1, "DVC's cache links to it instead of holding a copy"
    assert {path.name for path in (folder / "phase2/iteration_3-0").iterdir()} == {
        "weights.safetensors",
        "model.json",
        "vocab.txt",
    }


def test_nothing_changed_nothing_runs(project):
    project.repro()
    done = project.dvc("repro")
    assert "Data and pipelines are up to date." in done.stdout
    assert "Running stage" not in done.stdout


def test_a_note_and_a_table_train_nothing(project):
    params = project.params
    params["iterations"]["iteration_3"]["note"] = "Another note."
    params["profiles"][PROFILE]["note"] = "Another description."
    params["iterations"]["iteration_3"]["paper"] = {"sst": 0.5}
    project.write(params)
    ran = project.repro()
    assert set(ran) == {"plan@", "report@", "track@"}
    assert "Another note." in (project.root / f"results/{PROFILE}/table2.md").read_text()
    path = project.root / "pipeline/reporting/markdown.py"
    before = path.read_text()
    path.write_text(before + "\n# Another table.\n")
    try:
        assert project.repro() == ["report@"]
    finally:
        path.write_text(before)


def test_a_changed_row_trains_itself_alone(project):
    params = project.params
    params["iterations"]["iteration_3"]["schedule"][0]["epochs"] = 2
    project.write(params)
    ran = project.repro()
    assert trained(ran) == ["phase2@-iteration_3-0"]
    assert [stage for stage in ran if stage.startswith("eval_")] == ["eval_phase2@-iteration_3-0"]


def test_a_new_row_trains_itself_alone_and_a_removed_one_nothing(project):
    params = project.params
    params["iterations"]["new_idea"] = {
        "control": "iteration_1",
        "schedule": [{"tasks": ["sst", "sts"], "epochs": 1, "combine": "pcgrad"}],
    }
    project.write(params)
    assert trained(project.repro()) == ["phase2@-new_idea-0"]
    del params["iterations"]["new_idea"]
    project.write(params)
    assert trained(project.repro()) == []
    assert "new_idea" not in (project.root / f"results/{PROFILE}/table2.csv").read_text()


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
    params["seeds"] = [0, 1]
    project.write(params)
    ran = trained(project.repro())
    assert ran and all(stage.endswith("-1") for stage in ran)
    assert {stage.partition("@")[0] for stage in ran} == {"part1", "phase1", "phase2"}
    table = (project.root / f"results/{PROFILE}/table2.csv").read_text()
    assert all(line.split(",")[5] == "2" for line in table.splitlines()[1:])


def test_a_typo_stops_everything_before_anything_trains(project):
    project.repro()
    lock = (project.root / "dvc.lock").read_bytes()
    for change, message in (
        (lambda params: params["iterations"]["iteration_3"].update(contrl="iteration_2"), "contrl"),
        (lambda params: params["iterations"]["iteration_3"].update(control="iteration_9"), "iteration_9"),
        (lambda params: params["train"].update(head_dropout=1.5), "train.head_dropout"),
        (lambda params: params["iterations"]["iteration_3"]["schedule"][0].update(combine="pcgard"), "pcgard"),
    ):
        params = project.params
        before = project.params
        change(params)
        project.write(params)
        done = project.dvc("repro", check=False)
        assert done.returncode != 0
        assert message in done.stdout + done.stderr
        assert "Running stage 'phase" not in done.stdout and "Running stage 'part" not in done.stdout
        project.write(before)
    assert (project.root / "dvc.lock").read_bytes() == lock
    assert trained(project.repro()) == []


def test_a_killed_phase_2_goes_on_and_ends_with_the_same_weights(project):
    """Kill -9 three times at different steps; the checkpoint is outside what DVC deletes."""
    project.repro()
    params = project.params
    params["iterations"]["iteration_3"]["schedule"][0]["epochs"] = 12
    params["iterations"]["iteration_3"]["note"] = "undisturbed"
    project.write(params)
    project.repro()
    undisturbed = project.weights("iteration_3")
    # Another note leaves run file and key alone; the run cache must not serve what is to be trained again.
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/phase2/iteration_3-0")
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0")
    command = ["dvc", "repro", "--single-item", f"phase2@{PROFILE}-iteration_3-0"]
    steps = []
    for _ in range(3):
        process = subprocess.Popen(command, cwd=project.root, env=project.environment, start_new_session=True)
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
    assert record["tags"]["num_resumed"] == "3"


def checkpoint_step(root: Path) -> int:
    """The optimizer steps that the only checkpoint there is has behind it; 0 without one."""
    for path in (root / ".work").glob("*/checkpoint.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return json.loads(header["__metadata__"]["progress"])["total_steps"]
    return 0


def test_mlflow_has_every_run_and_gets_it_back(project):
    from mlflow import MlflowClient

    project.repro()
    for path in project.root.glob("mlflow.db*"):
        path.unlink()
    track = [sys.executable, "-m", "stages.track"]
    # What other tests of this module left is shown too: nothing that was computed is lost.
    expected = [*(f"{row}-0" for row in ROWS), "sst_finetune-0", "sst_pretrain-0", "sst_then_sts-0"]
    expected += ["download", "tokenize", "summary"]
    found_by = []
    for _ in range(2):
        subprocess.run(track, cwd=project.root, env=project.environment, check=True, capture_output=True)
        client = MlflowClient(f"sqlite:///{project.root}/mlflow.db")
        (experiment,) = [found for found in client.search_experiments() if found.name == PROFILE]
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        names = sorted(run.info.run_name for run in runs)
        assert set(expected) <= set(names) and len(set(names)) == len(names)
        found_by.append(names)
    assert found_by[0] == found_by[1], "the second time adds nothing"
    by_name = {run.info.run_name: run for run in runs}
    record = json.loads((project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0/record.json").read_text())
    run = by_name["iteration_3-0"]
    assert run.info.start_time == record["start_time"]
    assert run.data.tags["run_key"] == record["run_key"]
    metrics = json.loads((project.root / f"results/{PROFILE}/metrics.json").read_text())
    assert run.data.metrics["overall"] == pytest.approx(metrics["iteration_3"]["overall"], abs=1e-12)
    history = client.get_metric_history(run.info.run_id, "dev/sst.accuracy")
    assert [[point.step, point.timestamp, point.value] for point in history] == record["metrics"]["dev/sst.accuracy"]


def test_dvc_metrics_and_plots_work(project):
    project.repro()
    project.git("add", "--force", "results", "dvc.lock", "params.yaml")
    project.git("commit", "--quiet", "--message", "results")
    params = project.params
    params["iterations"]["iteration_3"]["train"] = {"learning_rate": 1.0e-2}
    project.write(params)
    project.repro()
    diff = json.loads(project.dvc("metrics", "diff", "--json", "HEAD").stdout)
    changed = [key for values in diff.values() for key in values]
    assert changed and all(key.startswith("iteration_3.") for key in changed)
    project.dvc("plots", "show", "--out", str(project.root / ".work/plots"))
    assert (project.root / ".work/plots/index.html").exists()


def list_runs(root: Path) -> dict[str, Any]:
    """The profile's MLflow runs by run key."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name(PROFILE).experiment_id], max_results=1000)
    return {run.data.tags["run_key"]: run for run in runs}


def commit_lock(project: Project) -> None:
    project.repro()
    project.git("add", "dvc.lock", "params.yaml")
    project.git("commit", "--quiet", "--allow-empty", "--message", "lock")


def test_an_experiment_in_a_copy_leaves_its_run_in_the_same_store(project):
    commit_lock(project)
    before = list_runs(project.root)
    change = "+iterations.iteration_3.train.learning_rate=0.003"
    project.dvc("exp", "run", "--temp", "--name", "lone-fish", "--set-param", change)
    after = list_runs(project.root)
    new = [run for key, run in after.items() if key not in before]
    assert {run.data.tags["row"] for run in new} == {"iteration_3", "summary"}
    assert {run.data.tags["dvc_experiment"] for run in new} == {"lone-fish"}
    assert {key: after[key].to_dictionary() for key in before} == {key: before[key].to_dictionary() for key in before}


def test_a_fresh_clone_with_pulled_outputs_trains_nothing_and_shows_every_run(project):
    commit_lock(project)
    remote, clone = project.root.parent / "remote", project.root.parent / "clone"
    project.dvc("remote", "add", "--default", "--force", "--local", "here", str(remote))
    project.dvc("push")
    subprocess.run(["git", "clone", "--quiet", str(project.root), str(clone)], check=True)

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=clone, env=project.environment, check=True, capture_output=True, text=True)
        return done.stdout

    run("dvc", "remote", "add", "--default", "--local", "here", str(remote))
    # What DVC does not cache is made again: predictions, which git has for real profiles.
    run("dvc", "pull", "--allow-missing")
    assert trained(re.findall(r"Running stage '(\S+)'", run("dvc", "repro"))) == []
    run(sys.executable, "-m", "stages.track")
    there, here = list_runs(clone), list_runs(project.root)
    current = {key: run for key, run in here.items() if run.data.tags.get("current") == "true"}
    assert there.keys() == current.keys()
    assert {key: run.info.start_time for key, run in there.items() if run.data.tags["kind"] == "training"} == {
        key: run.info.start_time for key, run in current.items() if run.data.tags["kind"] == "training"
    }
