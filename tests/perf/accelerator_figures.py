"""The section of docs/performance.md on accelerators: what the committed reference runs reached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, median, stdev

from accelbench.metrics import metric
from accelbench.records import Run
from accelbench.store.lines import read

BASELINES = Path(__file__).parents[2] / "baselines"

INTRODUCTION = """\
## On accelerators

The committed reference runs (`baselines/*/gpu-*.jsonl`), each a whole run in a fresh process: the
median of the steady samples a second, its spread from run to run, the share of the devices' peak
(`model_flops_utilisation`; the workload's operations in closed form over the data sheet's rate for
what the products may use, TF32 for float32's convolutions), and joules a sample by NVML's counter.
"Eager" steps of models this small are bound by the host that queues them, and scatter as it does;
captured as one CUDA graph (`mode="graph"`) the same training is faster, and its runs agree.

| device | workload | series | runs | samples/s | spread | share of peak | J/sample |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def section() -> str:
    """Return the section, a row for every series of every workload on every accelerator."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for path in sorted(BASELINES.glob("*/*.jsonl")):
        for line in read(path)[0] if path.stem.startswith("gpu-") else []:
            run = line.run
            where = f"{run.spec.device}, {run.provenance.device_model}"
            groups[where, run.spec.workload, run.spec.series].append(run)
    return INTRODUCTION + "".join(_row(key, groups[key]) for key in sorted(groups))


def _row(key: Sequence[str], runs: Sequence[Run]) -> str:
    speeds = _values("throughput", runs)
    cells = [
        *key,
        str(len(runs)),
        f"{median(speeds):,.0f}",
        f"{stdev(speeds) / mean(speeds):.1%}",
        _median("model_flops_utilisation", runs, ".2%"),
        _median("energy_per_sample_joules", runs, ".2g"),
    ]
    return f"| {' | '.join(cells)} |\n"


def _median(name: str, runs: Iterable[Run], style: str) -> str:
    values = _values(name, runs)
    return format(median(values), style) if values else "not measured"


def _values(name: str, runs: Iterable[Run]) -> list[float]:
    readings = [metric(name).read(run) for run in runs]
    return [reading.value for reading in readings if reading is not None]
