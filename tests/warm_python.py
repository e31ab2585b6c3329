"""A `python` and a `dvc` that have torch, MLflow and the like imported already, for tests that start many processes.

`python -m MODULE ...` is done by a fork of a server, in the caller's folder and environment, with its standard streams,
and the exit code comes back. Nothing of the project is imported before the fork: an edited copy runs its own code. A
kill of the caller does not reach the fork.
"""

import array
import atexit
import functools
import importlib
import json
import os
import runpy
import select
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PRELOADED = """torch safetensors.torch tokenizers mlflow mlflow.store.tracking.sqlalchemy_store matplotlib.pyplot
 matplotlib.backends.backend_agg pandas scipy.stats scipy.special pydantic yaml tqdm requests dvc.cli dvc.repo
 dvc.cli.parser dvc.commands.repro dvc.repo.reproduce dvc.stage dvc.output dvc.cachemgr dvc.data_cloud dvc.dirs dvc.lock
 dvc.parsing.interpolate dvc.repo.artifacts dvc.repo.datasets dvc.repo.graph dvc.repo.index dvc.repo.metrics
 dvc.repo.params dvc.repo.plots dvc.rwlock dvc.scm dvc.utils.strictyaml dulwich.client networkx pyparsing
 scmrepo.git""".split()
CALLER = """#!{python} -IS
import array, json, os, socket, sys
if not {first} and sys.argv[1:2] != ["-m"]:  # not a module
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
message = json.dumps([{first} + sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
streams = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
server.sendmsg([len(message).to_bytes(8, "little")], [streams])
server.sendall(message)
code = server.recv(1)
sys.exit(code[0] if code else "the process ended without an exit code")
"""


@contextmanager
def warm_python() -> Iterator[Path]:
    """Yields a folder to put first in PATH: its `python` and `dvc` are those above."""
    folder = Path(tempfile.mkdtemp())  # the path of a socket is short
    address = folder / "socket"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, str(address)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
    for name, first in (("python", []), ("dvc", ["-m", "dvc"])):
        (folder / name).write_text(CALLER.format(python=sys.executable, address=str(address), first=first))
        (folder / name).chmod(0o755)
    try:
        while not address.exists():
            assert server.poll() is None, "the warm python did not start"
            time.sleep(0.05)
        yield folder
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


def serve(address: str) -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    read_locks_fast()
    do_not_wait_for_disk()
    open_stores_fast()
    assert threading.active_count() == 1, "a fork has one thread"
    sys.executable = str(Path(address).parent / "python")  # what a fork starts is warm too
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{address}.new")
    listener.listen(64)
    os.rename(f"{address}.new", address)
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:  # it closes when the tests are gone
        caller, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            answer(caller)
        caller.close()
        with suppress(ChildProcessError):  # waited for, so that their seconds count as the tests'
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def read_locks_fast() -> None:
    """DVC writes dvc.lock after it has read it so as to keep comments, in Python. There are none: by the C parser."""
    from dvc.utils.serialize import _yaml

    _yaml.parse_yaml_for_update = _yaml.parse_yaml


def do_not_wait_for_disk() -> None:
    """A kill loses no write without it, only a power cut does."""
    os.fsync = lambda descriptor: None


def open_stores_fast() -> None:
    """SQLite does not wait for the disk either, and MLflow looks up once which schema is its own."""
    from mlflow.store.db import utils
    from sqlalchemy import Engine, event

    def connect(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            with suppress(sqlite3.DatabaseError):  # of a file that is none: MLflow says so
                connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", connect)
    utils._get_latest_schema_revision = functools.cache(utils._get_latest_schema_revision)
    utils._get_latest_schema_revision()


def answer(caller: socket.socket) -> None:
    size, rights, *_ = caller.recvmsg(8, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    for target, descriptor in enumerate(array.array("i", rights[0][2])):
        os.dup2(descriptor, target)
        os.close(descriptor)
    arguments, folder, environment = json.loads(read_exactly(caller, int.from_bytes(size, "little")))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = run(arguments, folder)
    with suppress(BrokenPipeError):
        caller.send(bytes([code & 255]))
    os._exit(code)


def read_exactly(caller: socket.socket, size: int) -> bytes:
    text = b""
    while len(text) < size:
        text += caller.recv(size - len(text))
    return text


def run(arguments: list[str], folder: str) -> int:
    """The exit code of `python *arguments`."""
    sys.path[:1] = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    try:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    serve(sys.argv[1])
