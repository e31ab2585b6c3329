"""Debian's packages, for tests: installed where that is possible, else the test is skipped with the reason."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

SECONDS = 300


def install(package: str, find: Callable[[], object]) -> None:
    """Return once `find` finds something; a skip where the package cannot be installed."""
    if find():
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"{package} is not installed, and only root on Debian can have it installed here")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
        try:
            command = ["apt-get", "--quiet", *arguments]
            done = subprocess.run(
                command, env=environment, timeout=SECONDS, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{package} cannot be installed: apt-get {arguments[0]} takes over {SECONDS} s")
    if not find():
        pytest.skip(f"{package} cannot be installed: {done.stderr.strip()[-300:]}")
