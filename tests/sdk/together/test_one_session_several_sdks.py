"""One session drives three SDKs, each in its own interpreter with the torch that it pins."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sdk.together.conftest import Page, Suite

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "xdist")),
    reason="torch or pytest-xdist is missing here",
)


@pytest.mark.parametrize("workers", ["", "-n 3"], ids=["plain", "three workers"])
def test_each_device_trains_under_its_own_torch(suite: Suite, page: Page, workers: str) -> None:
    (command,) = [each for each in page.commands() if "cpu or cerebras-cpu or ipu" in each]
    assert command.endswith(" -n 3")
    suite.stored()  # what other tests of this checkout left
    done = suite.run(command.removesuffix(" -n 3") + f" {workers}")
    assert done.returncode == pytest.ExitCode.OK, done.stdout + done.stderr
    assert "3 passed" in done.stdout

    runs = {run["spec"]["device"]: run for run in suite.stored()}
    assert set(runs) == {"cpu", "cerebras-cpu", "ipu"}
    assert {run["state"] for run in runs.values()} == {"completed"}
    assert len({run["provenance"]["session_id"] for run in runs.values()}) == 1
    told = {device: run["provenance"]["treatment"] for device, run in runs.items()}
    assert told["ipu"]["framework_version"].startswith("2.0.1")
    assert told["ipu"]["python"].startswith("3.8.")
    assert told["cerebras-cpu"]["framework_version"].startswith("2.4.0")
    assert told["cerebras-cpu"]["python"].startswith("3.11.")
    here = importlib.metadata.version("torch")
    assert told["cpu"]["framework_version"].partition("+")[0] == here.partition("+")[0]
    assert not here.startswith(("2.0.1", "2.4.0")), "this interpreter's torch is one of the SDKs'"
    # All of them learned: guessing one of ten digits has a loss of 2.3.
    assert all(run["evaluation"]["loss"] < 1.0 for run in runs.values())
