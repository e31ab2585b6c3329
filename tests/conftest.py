"""Fixtures that several rooms' tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The folder with minilm's published files, named by the environment variable BERTY_MINILM."""
    folder = os.environ.get("BERTY_MINILM")
    if not folder:
        pytest.skip("BERTY_MINILM names no folder with minilm's config.json and model.safetensors")
    return Path(folder)
