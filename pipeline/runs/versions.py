"""The installed versions of the packages that can change a result, against those that a run was planned with."""

import os
from importlib import metadata

from pipeline.runs.environment import PACKAGES

# Set to 1 where other versions than the planned ones may train: `stages.offline` does, on a machine that is not ours.
ANY_VERSIONS = "BERTY_ANY_VERSIONS"


def installed_versions() -> dict[str, str]:
    """The versions of torch, numpy, tokenizers and safetensors, build tags such as `+cpu` left out.

    A package that is not installed is left out.
    """
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = _drop_build(metadata.version(package))
        except metadata.PackageNotFoundError:
            continue
    return versions


def check_versions(planned: dict[str, str]) -> dict[str, str]:
    """Nothing where all is installed as planned.

    A version that differs is a `ValueError` that names both. With BERTY_ANY_VERSIONS=1 the differing packages are
    returned with their installed versions; one that is not installed is an error too.
    """
    installed = installed_versions()
    differing = [package for package, version in planned.items() if installed.get(package) != _drop_build(version)]
    missing = [package for package in differing if package not in installed]
    if differing and (missing or os.environ.get(ANY_VERSIONS) != "1"):
        said = [f"{package} {planned[package]} (installed: {installed.get(package, 'none')})" for package in differing]
        raise ValueError(
            f"the run was planned with {', '.join(said)}. Install what requirements.lock says (`make setup`); "
            f"or put the installed version into requirements.lock and plan again. {ANY_VERSIONS}=1 trains with what "
            "is installed and marks the run."
        )
    return {package: installed[package] for package in differing}


def _drop_build(version: str) -> str:
    return version.split("+")[0]
