"""A PostgreSQL server on loopback: Debian's, with a folder and a port of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.backends.packages import install
from tests.servers import free_port

USER = "berty"
SECONDS = 120  # for any of its programs


def find_programs() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian keeps out of the PATH; the newest version's."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    return folders[-1] if folders else Path(on_path).parent if on_path else None


@contextmanager
def start_postgresql() -> Iterator[str]:
    """The uri of an empty database; a skip where there can be no server here."""
    install("postgresql", find_programs)
    programs, port = find_programs(), free_port()
    # Not below pytest's folders, which other users may not enter.
    with tempfile.TemporaryDirectory() as folder:
        who = lend(folder) if os.getuid() == 0 else {}

        def call(program: str, *arguments: str) -> None:
            command = [programs / program, *arguments, "--pgdata", f"{folder}/data"]
            subprocess.run(command, cwd=folder, check=True, timeout=SECONDS, stdout=subprocess.DEVNULL, **who)

        settings = f"-h 127.0.0.1 -p {port} -c unix_socket_directories= -c fsync=off"
        try:
            call("initdb", "--username", USER, "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C")
            call("pg_ctl", "start", "--wait", "--silent", "--log", f"{folder}/log", "--options", settings)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        try:
            yield f"postgresql+psycopg2://{USER}@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "stop", "--silent", "--mode", "immediate")


def lend(folder: str) -> dict[str, object]:
    """Give the folder to the user that Debian's package makes; returns what runs a program as that one."""
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL refuses root, and there is no user named postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
