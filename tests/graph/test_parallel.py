"""The runs side by side: the same bytes as one after the other, and nothing trained twice, whatever happens."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.graph.project import Project
from tests.tiny import PROFILE, REPOSITORY

BROKEN_SCHEDULE = '''"""A schedule that fails."""


def factor(step: int, num_steps: int) -> float:
    raise ValueError("out of coffee")
'''


@pytest.fixture(scope="module")
def project(tmp_path_factory, template, empty_store) -> Project:
    """A project of which nothing has been run."""
    root = tmp_path_factory.mktemp("parallel") / "project"
    root.mkdir()
    project = Project.build(root)
    shutil.copy(empty_store, root)
    return project


def repro(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["python", "-m", "stages.repro", *arguments]
    return subprocess.run(command, cwd=project.root, env=project.environment, capture_output=True, text=True)


def list_trained(output: str) -> list[str]:
    """The runs of which the output says that a worker did them."""
    return re.findall(r"^\[\d+/\d+\] (\S+) is done", output, re.MULTILINE)


def read_weights(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("weights.safetensors")}


def test_the_same_bytes_as_dvc_repro_which_then_has_nothing_to_do(project, template):
    done = repro(project, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert len(list_trained(done.stdout)) == 8
    assert "Data and pipelines are up to date." in project.dvc("repro").stdout
    ours, theirs = (read_weights(root / "artifacts" / PROFILE) for root in (project.root, template.root))
    assert ours == theirs


def test_what_is_done_is_not_done_again(project):
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/phase2/iteration_2-0")
    shutil.rmtree(project.root / f"artifacts/{PROFILE}/records/eval_phase2")
    record = json.loads((project.root / f"artifacts/{PROFILE}/records/phase2/iteration_3-0/record.json").read_text())
    work = project.root / ".work" / record["run_key"]  # of a training that was killed when it had written all
    work.mkdir()
    (work / "checkpoint.safetensors").write_bytes(b"large")
    again = repro(project)
    assert again.returncode == 0, again.stderr
    assert list_trained(again.stdout) == [], "they come from the run cache"
    assert not work.exists()


def test_when_a_run_fails_the_others_go_on_and_what_starts_from_it_does_not_start(project):
    params = project.params
    params["rows"] = ["iteration_1", "iteration_2"]
    params["iterations"]["iteration_1"]["train"] = {"learning_rate": 2.0e-3}
    params["phase1"]["sst_then_sts"]["train"] = {"learning_rate_schedule": "broken"}
    project.write(params)
    schedule = project.root / "model/schedules/broken.py"
    schedule.write_text(BROKEN_SCHEDULE)
    failed = repro(project, "--jobs", "2")
    assert failed.returncode == 1
    assert "phase1/sst_then_sts-0 failed" in failed.stderr
    assert "out of coffee" in failed.stderr, "the end of its log"
    assert "phase2/iteration_1-0" in list_trained(failed.stdout)
    assert "phase2/iteration_2-0" not in list_trained(failed.stdout)
    schedule.write_text(BROKEN_SCHEDULE.replace('raise ValueError("out of coffee")', "return 0.5"))
    mended = repro(project, "--jobs", "2")
    assert mended.returncode == 0, mended.stderr
    assert set(list_trained(mended.stdout)) == {"phase1/sst_then_sts-0", "phase2/iteration_2-0"}
    schedule.unlink()


def test_the_idea_of_the_readme(project):
    before = project.params
    shipped = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["iterations"]
    idea = yaml.safe_load((REPOSITORY / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0])
    rows = {name: shipped[name] for name in ("iteration_1_cosine", "iteration_1_balanced")} | idea
    project.write(before | {"iterations": before["iterations"] | rows, "rows": [*before["rows"], *rows]})
    (name,) = idea
    command = ["python", "-m", "stages.forecast"]
    plan = subprocess.check_output(command, cwd=project.root, env=project.environment, text=True)
    assert re.findall(r"^(\S+) .* new$", plan, re.MULTILINE) == [f"phase2/{row}-0" for row in sorted(rows)]
    done = repro(project, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    # What the last test changed is as it was, so its results come from the run cache.
    assert set(list_trained(done.stdout)) == {f"phase2/{row}-0" for row in rows}
    assert name in (project.root / f"results/{PROFILE}/controls.csv").read_text()


def test_a_driver_that_ends_takes_its_workers_along_and_the_next_one_goes_on(project, tmp_path):
    params = project.params
    for row in ("baseline_frozen", "iteration_1", "iteration_2", "iteration_3"):
        params["iterations"][row]["train"] = {"batch_size": 5}
    project.write(params)
    project.dvc("repro", f"plan@{PROFILE}")  # in a warm process, which the cold ones below then need not do
    command = [sys.executable, "-u", "-m", "stages.repro", "--jobs", "2"]
    finished = []
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        log = tmp_path / f"{number}.log"
        with log.open("w") as file:
            driver = subprocess.Popen(command, cwd=project.root, env=project.cold, stdout=file, stderr=file)
        while not list_trained(log.read_text()):
            assert driver.poll() is None, log.read_text()
            time.sleep(0.05)
        driver.send_signal(number)
        assert driver.wait(60) == code, log.read_text()
        finished += list_trained(log.read_text())
        for _ in range(20):  # two seconds: a cold worker that went on would still be importing torch
            if not (alive := find_workers(project.root)):
                break
            time.sleep(0.1)
        assert alive == []
    (project.root / ".dvc/tmp/rwlock").write_text("")  # as a kill leaves it while DVC writes it
    last = repro(project, "--jobs", "2")
    assert last.returncode == 0, last.stderr
    finished += list_trained(last.stdout)
    assert len(finished) == len(set(finished)) and set(finished) <= {f"phase2/{row}-0" for row in params["rows"]}


def find_workers(root: Path) -> list[str]:
    """The processes of workers in a project's folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if b"pipeline.engine.worker" in command and os.readlink(process / "cwd") == str(root):
                found.append(process.name)
        except OSError:
            continue
    return found
