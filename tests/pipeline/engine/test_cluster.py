"""What `--address` says before anything runs; the cluster itself is tested in tests/backends/."""

import os
import sys

import pytest

from pipeline.engine.cluster import connect


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    """An environment of somebody without Ray and without a token."""
    monkeypatch.setattr(os, "environ", os.environ | {"HOME": str(tmp_path)})
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        os.environ.pop(name, None)


def test_without_ray_an_address_says_what_to_install():
    with pytest.raises(ValueError, match="pip install -r requirements-cluster.txt"):
        connect("local")


def test_without_a_token_nobody_knocks_at_a_cluster():
    with pytest.raises(ValueError, match=r"--address auto: the cluster's token is missing"):
        connect("auto")
    os.environ["RAY_AUTH_TOKEN"] = "secret"
    with pytest.raises(ValueError, match="needs Ray"):
        connect("auto")
