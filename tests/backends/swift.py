"""An S3 server on loopback: OpenStack Swift with its S3 middleware, from the package index; one replica."""

import getpass
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import free_port, wait_for_server

KEY, SECRET = "test:tester", "testing"
BUCKET, REGION = "berty", "us-east-1"
FILTERS = "catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo dlo symlink".split()


@dataclass(frozen=True)
class S3:
    """A server with an empty bucket."""

    url: str

    @property
    def options(self) -> dict[str, object]:
        """What s3fs takes."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.url, "client_kwargs": {"region_name": REGION}}


def is_installed() -> bool:
    return all(importlib.util.find_spec(package) for package in ("swift", "dvc_s3"))


@contextmanager
def start_swift(folder: Path) -> Iterator[S3]:
    """The servers' data and settings lie in the folder, whose file system must have extended attributes."""
    (folder / "devices/disk").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n")
    processes = []
    try:
        try:
            server = start_servers(folder, processes)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"Swift does not start here: {error}")
        yield server
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


def start_servers(folder: Path, processes: list[subprocess.Popen[bytes]]) -> S3:
    """Start them, those that were started into `processes`, and make the bucket."""
    import s3fs

    for kind in ("account", "container", "object"):
        port = free_port()
        build_ring(folder, kind, port)
        processes.append(start(folder, kind, port, [], ""))
    port = free_port()
    settings = f"account_autocreate = true\n[filter:tempauth]\nuser_{KEY.replace(':', '_')} = {SECRET} .admin\n"
    processes.append(start(folder, "proxy", port, FILTERS, settings))
    wait_for_server(port, processes[-1], "/healthcheck")
    server = S3(f"http://127.0.0.1:{port}")
    s3fs.S3FileSystem(**server.options).mkdir(BUCKET)
    return server


def build_ring(folder: Path, kind: str, port: int) -> None:
    """The file that says where data of a kind lies: on one disk."""
    builder = [find_program("swift-ring-builder"), str(folder / f"{kind}.builder")]
    device = f"r1z1-127.0.0.1:{port}/disk"
    for arguments in (["create", "4", "1", "0"], ["add", device, "1"], ["rebalance"]):
        subprocess.run([sys.executable, *builder, *arguments], check=True, capture_output=True)


def start(folder: Path, kind: str, port: int, filters: list[str], settings: str) -> subprocess.Popen[bytes]:
    configuration = f"""
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {getpass.getuser()}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {" ".join(filters)} {kind}-server
"""
    configuration += "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in filters if name != "tempauth")
    configuration += f"[app:{kind}-server]\nuse = egg:swift#{kind}\n{settings}"
    if "tempauth" in filters:
        configuration += "use = egg:swift#tempauth\n"
    path = folder / f"{kind}-server.conf"
    path.write_text(configuration)
    with (folder / f"{kind}.log").open("wb") as log:
        command = [sys.executable, find_program(f"swift-{kind}-server"), str(path), "--verbose"]
        return subprocess.Popen(command, stdout=log, stderr=log)


def find_program(name: str) -> str:
    return str(Path(sys.executable).parent / name)
