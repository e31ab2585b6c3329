"""Installed versions: another one than planned is an error that names both, or is told of where any may train."""

import pytest

from pipeline.runs import versions
from pipeline.runs.versions import ANY_VERSIONS, check_versions, installed_versions


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"torch": "2.9.0+cpu", "numpy": "2.4.6", "tokenizers": "0.22.1"}

    def version(package: str) -> str:
        if package not in found:
            raise versions.metadata.PackageNotFoundError(package)
        return found[package]

    monkeypatch.setattr(versions.metadata, "version", version)
    monkeypatch.delenv(ANY_VERSIONS, raising=False)


def test_build_tags_and_what_is_not_installed_are_left_out() -> None:
    assert installed_versions() == {"torch": "2.9.0", "numpy": "2.4.6", "tokenizers": "0.22.1"}


def test_the_same_versions_pass_whatever_the_build() -> None:
    assert check_versions({"torch": "2.9.0+cu129", "numpy": "2.4.6"}) == {}


def test_another_version_is_an_error_that_names_both() -> None:
    with pytest.raises(ValueError, match=r"torch 2\.8\.0 \(installed: 2\.9\.0\).*requirements\.lock"):
        check_versions({"torch": "2.8.0", "numpy": "2.4.6"})


def test_a_foreign_machine_is_told_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ANY_VERSIONS, "1")
    assert check_versions({"torch": "2.8.0", "numpy": "2.4.6"}) == {"torch": "2.9.0"}
    with pytest.raises(ValueError, match=r"safetensors 0\.6\.2 \(installed: none\)"):
        check_versions({"safetensors": "0.6.2"})
