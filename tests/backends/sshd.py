"""An ssh server on loopback: Debian's, with keys of its own; the user who starts it may log in."""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.backends.packages import install
from tests.servers import free_port

SECONDS = 60  # to start and let us in
SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
"""


@dataclass(frozen=True)
class Ssh:
    """A running server."""

    port: int
    keyfile: Path


def find_server() -> str | None:
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


@contextmanager
def start_sshd(folder: Path) -> Iterator[Ssh]:
    """Its files lie in the folder; a skip where there can be no server here."""
    install("openssh-server", find_server)
    folder.mkdir()
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, timeout=SECONDS)
    ssh = Ssh(free_port(), folder / "user")
    (folder / "config").write_text(SETTINGS.format(port=ssh.port, folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # root's server wants it; Debian makes it at the start
    with (folder / "log").open("wb") as log:
        command = [find_server(), "-D", "-e", "-f", str(folder / "config")]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + SECONDS
        while not can_enter(ssh):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip(f"sshd does not let us in here: {(folder / 'log').read_text().strip()[-300:]}")
            time.sleep(0.2)
        yield ssh
    finally:
        process.terminate()
        process.wait()


def can_enter(ssh: Ssh) -> bool:
    options = ["-F", "none", "-i", str(ssh.keyfile), "-p", str(ssh.port), "-o", "BatchMode=yes"]
    options += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    command = ["ssh", *options, f"{getpass.getuser()}@127.0.0.1", "true"]
    return subprocess.run(command, timeout=SECONDS, capture_output=True).returncode == 0
