"""What the tests of real back ends share; `make test-backends` installs what they need."""

import signal
from collections.abc import Iterator

import pytest

from tests.graph.project import Project

SECONDS = 1200  # for a test with its servers, several times what it takes: one that hangs fails


@pytest.fixture(scope="session", autouse=True)
def warm_projects(warm):
    Project.warm = warm


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Whatever a test waits for ends in time: another process, its answer, a lock."""
    signal.signal(signal.SIGALRM, _end_wait)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def _end_wait(*_: object) -> None:
    raise TimeoutError(f"the test takes over {SECONDS} s")
