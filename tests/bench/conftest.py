"""Inputs of the tiny project, and contenders that live in the test's process."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import torch

from bench.contenders import MeasuredContender, describe_machine
from bench.inputs import Inputs, read_inputs
from bench.prepare import prepare
from bench.timing import Description, Sample
from tests.tiny import ENCODER, PROFILE, TinyProject

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def inputs_folder(tiny_template: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BERTY_MIRROR", str(tiny_template.root / "mirror"))
        folder = tmp_path_factory.mktemp("bench") / "inputs"
        return prepare(folder, tiny_template.root, ENCODER, profile=PROFILE)


@pytest.fixture
def inputs(inputs_folder: Path) -> Inputs:
    return read_inputs(inputs_folder)


class LocalWorker:
    """A worker without a process."""

    def __init__(self, description: Description, folder: Path, device: str) -> None:
        self.contender = MeasuredContender(description, read_inputs(folder), torch.device(device))

    def wait(self) -> dict[str, Any]:
        return describe_machine(self.contender.device)

    def measure(self, number: int, seconds: float) -> Sample:
        return self.contender.measure(number, seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


@pytest.fixture
def local_worker() -> type[LocalWorker]:
    return LocalWorker
