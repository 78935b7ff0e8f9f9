"""Writes docs/sdks.md: `python tests/published/sdk_table.py`, where the SDKs' interpreters are.

ACCELBENCH_CEREBRAS_PYTHON names a Python with cerebras_pytorch, ACCELBENCH_PYTHON38 a Python 3.8
with torch 2.0.1, which runs the stand-in of poptorch. A column whose interpreter is not set is left
empty by `differences`, and nothing is written then.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "sdks.md"
STANDIN = ROOT / "tests" / "standin"
STEPS = 50
DEADLINE_SECONDS = 600.0

INTRODUCTION = f"""\
# The SDKs beside torch

The same training through other software. Written by `python tests/published/sdk_table.py`; do not
edit. `tests/sdk` asserts the row of graphcore_mnist.

The largest difference of a step's loss over the first {STEPS} steps from the same weights, on the
same batches of the embedded digits, without dropout: between the device `cpu` (torch as it is
installed) and the Cerebras SDK's CPU backend (its own torch) or the stand-in of poptorch (under
Python 3.8 and torch 2.0.1). A loss lies near 2.3, where neighbouring float32 are 2.4e-7 apart. The
Cerebras SDK's AdamW, which row_transformer trains with, adds epsilon before it corrects the bias,
torch's after: with it the first steps differ by more than rounding.

| training | cerebras-cpu | poptorch's stand-in |
| --- | --- | --- |
"""

IPU = "ipu-model"


@dataclass(frozen=True)
class Training:
    """One row: a workload, what is set, and so many samples that an epoch has STEPS steps."""

    workload: str
    params: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its first cell."""
        return ", ".join((self.workload, *self.params[:-1]))


TRAININGS = (
    Training("graphcore_mnist", ("dropout=0.0", "train_samples=400")),
    Training("mnist_softmax", ("batch_size=8", "learning_rate=0.1", "train_samples=400")),
    Training(
        "mnist_softmax",
        ("batch_size=8", "optimizer=momentum", "learning_rate=0.1", "train_samples=400"),
    ),
    Training("row_transformer", ("train_samples=800",)),
)


def interpreters() -> dict[str, str]:
    """Return the configuration of each device whose interpreter is here, as a TOML table."""
    found = {"cpu": 'env = { OMP_WAIT_POLICY = "passive" }'}
    cerebras = os.environ.get("ACCELBENCH_CEREBRAS_PYTHON", "")
    if Path(cerebras).is_file():
        found["cerebras-cpu"] = f'command = ["{cerebras}"]\nenv = {{ TORCH_NUM_THREADS = "1" }}'
    python38 = os.environ.get("ACCELBENCH_PYTHON38", "")
    if Path(python38).is_file():
        setup = f"source {shlex.quote(str(STANDIN / 'enable.sh'))}"
        found[IPU] = (
            f'command = ["{python38}"]\nsetup = {json.dumps(setup)}\n'
            'env = { OMP_WAIT_POLICY = "passive" }'
        )
    return found


def losses(training: Training, device: str, table: str, folder: Path) -> list[float]:
    """Return the losses of one epoch, trained by `accelbench run`; AssertionError says what failed.

    In a checkout of its own, whose configuration names the device's interpreter.
    """
    workloads = folder / "bench" / "workloads"
    workloads.mkdir(parents=True, exist_ok=True)
    file = workloads / f"{training.workload}.py"
    if not file.exists():
        file.symlink_to(ROOT / "bench" / "workloads" / file.name)
    (folder / "pyproject.toml").write_text(f"[tool.accelbench.device.{device}]\n{table}\n")
    command = [sys.executable, "-m", "accelbench.cli", "run", training.workload, *training.params]
    command += ["--device", device, "--dataset", "digits", "--epochs", "1", "--seed", "1"]
    done = subprocess.run(
        [*command, "--json", "run.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    found: list[float] = run["steps"]["loss"]
    assert len(found) == STEPS, f"{training.name} on {device}: {len(found)} steps"
    return found


def largest(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the largest difference of two lists of losses of the same steps."""
    return max(abs(a - b) for a, b in zip(ours, theirs, strict=True))


def differences(training: Training, folder: Path) -> dict[str, float]:
    """Return the largest difference to the device cpu of each SDK that is here."""
    tables = interpreters()
    reference = losses(training, "cpu", tables.pop("cpu"), folder)
    return {
        device: largest(losses(training, device, table, folder), reference)
        for device, table in tables.items()
    }


def line(training: Training, found: Mapping[str, float]) -> str:
    """Return a row of the table."""
    cells = [f"{found[device]:.1e}" if device in found else "" for device in ("cerebras-cpu", IPU)]
    return f"| {training.name} | {' | '.join(cells)} |\n"


def main() -> None:
    """Train, compare, write."""
    missing = {"cerebras-cpu", IPU} - set(interpreters())
    if missing:
        sys.exit(f"no interpreter for {', '.join(sorted(missing))}: {__doc__}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [line(each, differences(each, Path(folder))) for each in TRAININGS]
    DOCUMENT.write_text(INTRODUCTION + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
