"""What makes two runs comparable: their identity. All the rest is treatment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from accelbench import codec
from accelbench.records import AT_START, INLINE, Pairs, Run, Scalar

Scope = Literal["portable", "device"]


@dataclass(frozen=True)
class Key:
    """The identity of a run; runs with equal keys are compared.

    Device and model are left empty for portable metrics, which compare over machines; of a run
    with several replicas the device still says how many, for the global batch grows with them.
    """

    workload: str
    params: Pairs
    dataset: str
    epochs: int
    framework: str
    series: str
    workload_fingerprint: str
    dataset_fingerprint: str
    device: str = ""
    device_model: str = ""

    @property
    def digest(self) -> str:
        """The key as 16 hex digits: SHA-256 over its canonical JSON; equal keys have equal ones."""
        canonical = replace(self, params=tuple((k, _canonical(v)) for k, v in self.params))
        return hashlib.sha256(codec.dumps(canonical).encode()).hexdigest()[:16]

    def apart_from_workload(self) -> Key:
        """Return the key without what an edit of the workload's file changes: its fingerprint.

        Data that the file holds itself carry the file's fingerprint too.
        """
        data = "" if self.dataset == INLINE else self.dataset_fingerprint
        return replace(self, workload_fingerprint="", dataset_fingerprint=data)


def _canonical(value: Scalar) -> Scalar:
    """Return a parameter so that equal ones read equal: Python holds 1, 1.0 and True for equal."""
    if isinstance(value, float) and not value.is_integer():
        return value
    return value if isinstance(value, str) else int(value)


def key_of(run: Run, scope: Scope) -> Key:
    """Return a run's key for metrics of a scope."""
    spec, source = run.spec, run.provenance
    on_device = scope == "device"
    return Key(
        workload=spec.workload,
        params=spec.params,
        dataset=spec.dataset,
        epochs=spec.epochs,
        framework=spec.framework,
        series=spec.series,
        workload_fingerprint=source.workload_fingerprint,
        dataset_fingerprint=source.dataset_fingerprint,
        device=spec.device if on_device else _width(spec.replicas),
        device_model=source.device_model if on_device else "",
    )


def _width(replicas: int) -> str:
    return "" if replicas == 1 else f"{replicas} replicas"


def treatment_differences(run: Run, references: tuple[Run, ...]) -> tuple[str, ...]:
    """Return what differs in treatment from all reference runs, as "name: theirs -> ours".

    What moves by itself (`AT_START`) is left out.
    """
    found = []
    for name, ours in run.provenance.treatment:
        if name.startswith(AT_START):
            continue
        theirs = {str(dict(each.provenance.treatment).get(name, "?")) for each in references}
        if theirs and str(ours) not in theirs:
            found.append(f"{name}: {', '.join(sorted(theirs))} -> {ours}")
    return tuple(found)
