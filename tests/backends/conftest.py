"""What the tests of real back ends share; `make test-backends` installs what they need."""

import pytest

from tests.graph.project import Project


@pytest.fixture(scope="session", autouse=True)
def warm_projects(warm):
    Project.warm = warm
