"""A clone of the working tree with the tiny profile, run by DVC."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from mlflow import MlflowClient

from tests.tiny import PROFILE, REPOSITORY, leave_out_panels, replace, write_tiny_params

ROWS = ("untrained", "baseline_frozen", "iteration_1", "iteration_2", "iteration_3")


class Project:
    """A project folder below git and DVC; `mirror` has the files of its random encoder."""

    first_run: list[str]
    warm: Path  # what makes `python` start in no time

    def __init__(self, root: Path, mirror: Path) -> None:
        self.root, self.mirror = root, mirror
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        self.environment = environment | {
            "PATH": os.pathsep.join([str(self.warm), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "BERTY_MIRROR": str(mirror),
            "BERTY_CHECKPOINT_SECONDS": "0",
            "BERTY_THREADS": "1",
        }

    @property
    def cold(self) -> dict[str, str]:
        """The environment of processes that end when their group is killed."""
        return self.environment | {"PATH": self.environment["PATH"].partition(os.pathsep)[2]}

    @classmethod
    def build(cls, root: Path) -> "Project":
        """The working tree, with the tiny profile, in the empty folder `root`; nothing is run yet."""
        project = cls(root, root.parent / "mirror")
        list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.check_output(list_files, cwd=REPOSITORY, text=True).splitlines():
            if (REPOSITORY / name).exists() and not name.startswith(("tests/", "results/", "dvc.lock")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, root / name)
        untrained = project.params["iterations"]["untrained"]
        params = write_tiny_params(project.params, project.mirror)
        params["iterations"] |= {
            "untrained": untrained,
            "baseline_frozen": {"schedule": [{"tasks": ["sst"], "epochs": 1, "encoder": "frozen"}]},
        }
        params["iterations"] = {row: params["iterations"][row] for row in ROWS}
        params["iterations"]["iteration_1"].pop("control", None)
        params["rows"] = list(params["iterations"])
        params["part1"]["tasks"] = {"sst": {}}
        for mode in params["part1"]["modes"].values():
            mode["paper"] = {}
        project.write(params)
        leave_out_panels(root)
        replace(root / "pipeline/engine/parallel.py", "SECONDS_BETWEEN_LOOKS = 0.5", "SECONDS_BETWEEN_LOOKS = 0.05")
        project.git("init", "--quiet", "--initial-branch", "main")
        project.git("add", ".")
        project.git("commit", "--quiet", "--message", "tiny")
        return project

    @property
    def params(self) -> dict[str, Any]:
        return yaml.safe_load((self.root / "params.yaml").read_text())

    def write(self, params: dict[str, Any]) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))

    def git(self, *arguments: str) -> str:
        name = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        return subprocess.check_output(["git", *name, *arguments], cwd=self.root, text=True)

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


def list_runs(root: Path) -> dict[str, Any]:
    """The profile's MLflow runs by run key."""
    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name(PROFILE).experiment_id], max_results=1000)
    return {run.data.tags["run_key"]: run for run in runs}


def commit_lock(project: Project, is_current: bool = False) -> None:
    """Commit params.yaml and the dvc.lock that fits it; `is_current`: the present one does."""
    if not is_current:
        project.repro()
    project.git("add", "dvc.lock", "params.yaml")
    project.git("commit", "--quiet", "--allow-empty", "--message", "lock")
