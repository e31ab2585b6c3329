"""MLflow's model server on a version of the registry, behind our guard."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pipeline.serving import guard
from pipeline.serving.registry import find_alias, name_model
from pipeline.tracking.store import name_failures, open_store

HOST = "127.0.0.1"


def run_server(profile: str, alias: str, port: int, root: Path, hosts: Sequence[str] = ()) -> NoReturn:
    """Become the server, which answers requests to this machine and to `hosts`, in this environment.

    An alias that no version has is a `ValueError`. Raises `StoreUnavailable`.
    """
    store, name = open_store(root), name_model(profile)
    with name_failures(store.uri):
        version = find_alias(store.client, name, alias)
    if version is None:
        raise ValueError(f"{name}: no version is {alias}: `make register` makes a candidate, `make promote` a champion")
    command = [sys.executable, "-P", guard.__file__, f"models:/{name}/{version.version}", HOST, str(port), *hosts]
    print(f"{name} version {version.version}: http://{HOST}:{port}/invocations  (Ctrl-C stops it)", flush=True)
    os.execve(command[0], command, os.environ | {"MLFLOW_TRACKING_URI": store.uri})
