"""From a cell to its Run: data, seed, job, worker. Used by the fixtures and the command line."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from accelbench import data, launch, seeds, ways
from accelbench.declarations import Cell, Declaration, DeclarationError
from accelbench.devices import DeviceConfig, Found
from accelbench.limits import Limits
from accelbench.progress import Listener
from accelbench.records import INLINE, DataFiles, Job, Options, Pairs, Provenance, Run, RunSpec
from accelbench.store.baselines import now
from accelbench.ways import Way


@dataclass(frozen=True)
class Trainer:
    """All that runs of one session have in common."""

    session_id: str
    data_root: Path
    limits: Limits
    treatment: Pairs
    logs: Path
    listener: Listener

    def seed(self, origin: str, number: int, stored: Collection[int]) -> int:
        """Return the seed of the `number`-th run that one origin (a test) makes in this session."""
        return seeds.derive(self.session_id, origin, number, stored)

    def run(self, declaration: Declaration, cell: Cell, place: Place, seed: int) -> Run:
        """Train a cell once in a fresh worker.

        DeclarationError, DataMissingError and DataDamagedError say what is wrong before anything
        is started; whatever happens later is in the Run's state.
        """
        files = prepare(declaration, cell, self.data_root)
        way = ways.way_on(declaration.trained_by, place.device.platform)
        spec = RunSpec(
            workload=declaration.name,
            device=place.device.device,
            framework=declaration.framework,
            dataset=cell.dataset,
            seed=seed,
            epochs=cell.epochs,
            params=cell.params,
            role=place.role,
            series=way.series(declaration.series_of(cell), place.device.platform),
            replicas=place.device.replicas,
        )
        job = Job(
            spec,
            str(declaration.path.resolve()),
            way.name,
            files,
            platform=place.device.platform,
            world=way.world(place.device.replicas),
            options=options_of(way, place),
        )
        run_id = secrets.token_hex(4)
        provenance = Provenance(
            run_id=f"{self.session_id}/{run_id}",
            session_id=self.session_id,
            time=now(),
            workload_fingerprint=declaration.fingerprint,
            dataset_fingerprint=files.fingerprint if files else declaration.fingerprint,
            device_model=place.device.model,
            treatment=tuple(sorted((*self.treatment, *place.device.facts))),
        )
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{declaration.name}-{spec.device}-{run_id}.log"
        how = launch.Launch(place.device, place.config, self.limits, log, self.listener)
        return launch.run(job, provenance, how)


@dataclass(frozen=True)
class Place:
    """Where a run happens: a device that was found, its configuration, and the run's role."""

    device: Found
    config: DeviceConfig
    role: str = "screen"


def prepare(declaration: Declaration, cell: Cell, data_root: Path) -> DataFiles | None:
    """Return the decoded data set of a cell; None where the workload holds its own."""
    if cell.dataset == INLINE:
        if declaration.input_size != (0, 0):
            raise DeclarationError(
                f"workload {declaration.name} trains on images (INPUT) and holds no data itself: "
                f"choose one of {', '.join(data.names())}, not {INLINE!r}"
            )
        return None
    if declaration.input_size == (0, 0):
        raise DeclarationError(
            f"workload {declaration.name} holds its own data (data set {INLINE}) and cannot "
            f"train on {cell.dataset!r}"
        )
    try:
        found = data.dataset(cell.dataset)
    except KeyError as error:
        raise DeclarationError(f"{error.args[0]}, {INLINE}") from None
    return data.prepare(found, data_root, declaration.input_size)


def chance(dataset: str) -> float:
    """Return the accuracy of guessing on a data set."""
    return 0.0 if dataset == INLINE else 1 / data.dataset(dataset).classes


def refused(declaration: Declaration, cell: Cell, place: Place) -> str | None:
    """Return why a cell cannot be trained where it should; None where it can."""
    device = place.device
    if declaration.exact_digits is not None and device.replicas > 1:
        return (
            f"workload {declaration.name} is compared exactly, which several replicas are not: "
            f"use one, not {device.device}"
        )
    hosts = len(set(place.config.hosts(device.replicas)))
    way = ways.way_on(declaration.trained_by, device.platform)
    return way.refusal(device, cell.mode, hosts)


def options_of(way: Way, place: Place) -> Options:
    """Return the SDK's options of a device, defaults included; DeclarationError names the table.

    A way without options is no error: the device's configuration serves other workloads too.
    """
    if not way.defaults:
        return ()
    try:
        return way.options(place.config.options)
    except ValueError as error:
        where = f"[tool.accelbench.device.{place.device.device}.options]"
        raise DeclarationError(f"{where}: {error}") from None


def missing_framework(declaration: Declaration, config: DeviceConfig) -> str | None:
    """Return why a workload's framework is not there, as far as this interpreter can tell."""
    if config.setup or config.ssh or config.command != (sys.executable,):
        return None
    # Of a dotted name only the first part: to find what is inside a package imports the package.
    name = declaration.framework.partition(".")[0]
    if importlib.util.find_spec(name) is not None:
        return None
    wanted = f"'pytest-accelbench[{name}]'" if name in {"torch", "tensorflow"} else name
    return (
        f"workload {declaration.name} needs {name}, which {sys.executable} does not have: "
        f"python -m pip install {wanted}"
    )
