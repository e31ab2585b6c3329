"""DVC's remote over ssh: what one machine made, another clone has without training."""

import getpass
import subprocess

import pytest

from tests.backends.sshd import start_sshd
from tests.graph.project import Project
from tests.tiny import PROFILE

pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed (make test-backends does)")

TARGET = f"eval_part1@{PROFILE}-sst-pretrain-0"
WEIGHTS = f"artifacts/{PROFILE}/part1/sst_pretrain-0/weights.safetensors"


def test_another_clone_gets_a_run_by_its_run_cache_and_trains_nothing(tmp_path):
    (tmp_path / "project").mkdir()
    project = Project.build(tmp_path / "project")
    subprocess.run(["git", "clone", "--quiet", project.root, tmp_path / "clone"], check=True)
    clone = Project(tmp_path / "clone", project.mirror)
    with start_sshd(tmp_path / "sshd") as ssh:
        access = {"port": str(ssh.port), "user": getpass.getuser(), "keyfile": str(ssh.keyfile)}
        for checkout in (project, clone):
            url = f"ssh://127.0.0.1{tmp_path}/remote"
            checkout.dvc("remote", "add", "--default", "--local", "shared", url)
            for name, value in access.items():
                checkout.dvc("remote", "modify", "--local", "shared", name, value)
        assert f"Running stage '{TARGET}'" in project.dvc("repro", TARGET).stdout
        project.dvc("push", "--run-cache", "--with-deps", TARGET)
        output = clone.dvc("repro", "--pull", TARGET).stdout
    assert "is cached - skipping run" in output and "Running stage" not in output
    assert (clone.root / WEIGHTS).read_bytes() == (project.root / WEIGHTS).read_bytes()
