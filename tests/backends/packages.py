"""Debian's packages, for tests: installed where that is possible, else the test is skipped with the reason."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SECONDS = 300  # for each call of apt-get
POLICY = Path("/usr/sbin/policy-rc.d")  # what Debian asks before it starts the server of a new package


def install(package: str, find: Callable[[], object]) -> None:
    """Return once `find` finds something; a skip where the package cannot be installed."""
    if find():
        return
    if os.getuid() != 0 or not shutil.which("apt-get"):
        pytest.skip(f"{package} is not installed, and only root on Debian can have it installed here")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with keep_servers_off():
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", package]):
            command = ["apt-get", "--quiet", *arguments]
            try:
                done = subprocess.run(command, env=environment, timeout=SECONDS, capture_output=True, text=True)
            except subprocess.TimeoutExpired:
                pytest.skip(f"{package} cannot be installed: apt-get {arguments[0]} takes over {SECONDS} s")
    if not find():
        pytest.skip(f"{package} cannot be installed: {done.stderr.strip()[-300:]}")


@contextmanager
def keep_servers_off() -> Iterator[None]:
    """No server of a package starts, on this machine's addresses, while it is installed."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
