"""A project of records."""

from pathlib import Path

import pytest

from tests.pipeline.tracking.synthetic import write_records


@pytest.fixture
def project_root(root: Path) -> Path:
    """A project root with 8 trainings, their evaluations, 2 data records and a summary: 11 runs."""
    write_records(root)
    return root
