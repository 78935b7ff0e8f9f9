"""What voids a run's timings: load beside it on the cpu, somebody else's work on the GPU."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelbench.contention import contention
from accelbench.devices.kind import ON_THE_HOST
from accelbench.records import AT_START, Counters, Phases, Provenance, Run, RunSpec, State, Steps


def run(device: str, foreign: float | None = 0.0, owner: str = "free", cores: int = 16) -> Run:
    source = Provenance("s/1", "s", "now", "file", "data", "Model")
    known = (("cores", cores), (f"{AT_START}gpu_owner", owner))
    return Run(
        spec=RunSpec("alpha", device, "torch", "inline", 1, 1),
        state=State("completed"),
        phases=Phases(),
        epochs=(),
        steps=Steps(),
        evaluation=None,
        counters=Counters(foreign_cpu_cores=foreign),
        provenance=replace(source, treatment=known),
    )


@pytest.mark.parametrize(
    ("device", "foreign", "said"),
    [
        ("cpu", None, None),
        ("cpu", 0.1, None),
        ("cpu", 0.11, "over 0.1 cores"),
        ("cpu-4", 0.11, "over 0.1 cores"),
        ("gpu-1", 0.11, None),
        ("gpu-1", 8.0, None),
        ("xpu-2", 8.1, "over 8 cores"),
        ("ipu-2", 0.11, None),
        ("cerebras", 0.11, None),
    ],
)
def test_an_accelerator_bears_more_load_on_its_host_than_a_cpu(
    device: str, foreign: float | None, said: str | None
) -> None:
    found = contention(run(device, foreign))
    assert (found is None) == (said is None)
    assert said is None or (said in str(found) and "run again on a quiet host" in str(found))


def test_an_sdk_that_computes_on_the_host_bears_no_more_than_a_cpu() -> None:
    beside = run("ipu-model", 0.11)
    source = beside.provenance
    known = (*source.treatment, ON_THE_HOST)
    on_host = replace(beside, provenance=replace(source, treatment=known))
    assert contention(beside) is None
    assert "over 0.1 cores" in str(contention(on_host))


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("free", None),
        ("unknown", None),
        ("in use by pid 7", "the GPU was in use by pid 7: run again when it is free"),
    ],
)
def test_a_gpu_on_which_somebody_else_computes_voids_what_was_timed(
    owner: str, said: str | None
) -> None:
    assert contention(run("gpu-1", owner=owner)) == said
