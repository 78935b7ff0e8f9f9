"""Command-line options and ini values, parsed once into a frozen value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from accelbench.devices import UnknownDeviceError, default_ids, kind_of
from accelbench.levels import SCREEN_LEVEL
from accelbench.limits import Limits, parse_limits
from accelbench.seeds import new_session_id
from accelbench.settings import (
    HISTORY,
    WORKLOADS,
    Settings,
    SettingsError,
    default_data_root,
    device_configs,
)
from accelbench.tiers import TIERS


@dataclass(frozen=True)
class Options:
    """All that the user chose for this session."""

    settings: Settings
    tier: str
    devices: tuple[str, ...]
    required: tuple[str, ...]
    limits: Limits
    update_baselines: bool
    accept_regression: str | None
    seeds: int
    screen: float
    history: Path | None = None
    reference_device: str = "cpu"


OPTIONS = pytest.StashKey[Options]()
SESSION_ID = pytest.StashKey[str]()
WORKER_INPUT = "accelbench_session_id"
"""How xdist's workers learn the session's id."""

PROPERTY = "accelbench"
"""The name of the user property that carries an outcome to the controller."""

GATES = pytest.StashKey[int]()
"""How many gated metrics the selected tests have."""


def configure(config: pytest.Config) -> None:
    """Parse the options once, name the session, and register the markers."""
    config.stash[OPTIONS] = chosen = parse(config)
    worker_input: dict[str, str] = getattr(config, "workerinput", {})
    config.stash[SESSION_ID] = worker_input.get(WORKER_INPUT) or new_session_id()
    for name in sorted(
        {mark for device in chosen.devices for mark in kind_of(device).marks(device)}
    ):
        config.addinivalue_line("markers", f"{name}: trains on the device {name}")


_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "--tier",
        {
            "default": "smoke",
            "choices": TIERS,
            "help": "Which points of each workload to train: smoke (embedded data, minutes), "
            "nightly (real data), paper (every published row)",
        },
    ),
    (
        "--devices",
        {
            "metavar": "IDS",
            "help": "Device ids to offer, separated by commas (default: ini accelbench_devices, "
            "or all)",
        },
    ),
    (
        "--require-device",
        {
            "action": "append",
            "default": [],
            "metavar": "ID",
            "help": "Fail where this device is absent or unused, instead of skipping (repeatable)",
        },
    ),
    (
        "--data-root",
        {
            "metavar": "DIR",
            "help": "Where data sets lie (default: ACCELBENCH_DATA, or the user's cache)",
        },
    ),
    (
        "--screen",
        {
            "type": float,
            "default": SCREEN_LEVEL,
            "metavar": "P",
            "help": "Level at which one run raises a suspicion, 0.01 to 0.5: a wider screen finds "
            "smaller changes and asks for more confirming runs (default: %(default)g)",
        },
    ),
    (
        "--history",
        {
            "dest": "accelbench_history",
            "metavar": "DIR",
            "help": "Where every run is stored, one file a session (default: ini "
            f"accelbench_history, or {HISTORY})",
        },
    ),
    (
        "--no-history",
        {
            "dest": "accelbench_history",
            "action": "store_const",
            "const": "",
            "help": "Store no history (so does an empty ini accelbench_history)",
        },
    ),
    (
        "--run-timeout",
        {
            "type": float,
            "default": 3600.0,
            "metavar": "SECONDS",
            "help": "Longest time of one run, queueing apart (default: %(default)g)",
        },
    ),
    (
        "--stall-timeout",
        {
            "action": "append",
            "default": [],
            "metavar": "[PHASE=]SECONDS",
            "help": "Longest time without progress in a phase, or in all of them (repeatable)",
        },
    ),
    (
        "--update-baselines",
        {
            "action": "store_true",
            "help": "Append this session's runs to the baselines as reference runs",
        },
    ),
    (
        "--accept-regression",
        {
            "metavar": "REASON",
            "help": "With --update-baselines: let a regression pass and open a new segment with it",
        },
    ),
    (
        "--seeds",
        {
            "type": int,
            "default": 1,
            "metavar": "N",
            "help": "With --update-baselines: record N reference runs of each cell, N fresh seeds",
        },
    ),
)


def add_options(parser: pytest.Parser) -> None:
    """Declare the options and the ini values."""
    group = parser.getgroup("accelbench", "model training as a regression test")
    for flag, keywords in _OPTIONS:
        group.addoption(flag, **keywords)
    parser.addini("accelbench_workloads", "folder of workload files", default=WORKLOADS)
    parser.addini("accelbench_baselines", "folder of baselines", default="baselines")
    parser.addini("accelbench_history", "folder of history; empty for none", default=HISTORY)
    parser.addini("accelbench_devices", "device ids to offer", type="args", default=[])
    parser.addini(
        "accelbench_reference_device", "device that others are to agree with", default="cpu"
    )


def parse(config: pytest.Config) -> Options:
    """Return the options of a session; pytest.UsageError says what does not fit."""
    try:
        return _parse(config)
    except (ValueError, UnknownDeviceError, SettingsError) as error:
        raise pytest.UsageError(str(error)) from None


def _parse(config: pytest.Config) -> Options:
    root = config.rootpath
    data_root = config.getoption("--data-root")
    update, accepted = config.getoption("--update-baselines"), config.getoption("accept_regression")
    seeds: int = config.getoption("--seeds")
    if not update and (accepted is not None or seeds != 1):
        raise ValueError("--accept-regression and --seeds need --update-baselines")
    if accepted is not None and not accepted.strip():
        raise ValueError("--accept-regression needs a reason: who reads it later should know why")
    if seeds < 1:
        raise ValueError(f"--seeds must be 1 or more, not {seeds}")
    screen: float = config.getoption("--screen")
    if not 0.01 <= screen <= 0.5:
        raise ValueError(f"--screen must lie between 0.01 and 0.5, not {screen:g}")
    text: str | None = config.getoption("--devices")
    chosen = text.split(",") if text is not None else config.getini("accelbench_devices")
    settings = Settings(
        root=root,
        workloads=root / config.getini("accelbench_workloads"),
        baselines=root / config.getini("accelbench_baselines"),
        data_root=Path(data_root) if data_root else default_data_root(),
        devices=device_configs(root),
    )
    return Options(
        settings=settings,
        tier=config.getoption("--tier"),
        devices=_known(chosen) or default_ids(),
        required=_known(config.getoption("--require-device")),
        limits=parse_limits(config.getoption("--run-timeout"), config.getoption("--stall-timeout")),
        update_baselines=update,
        accept_regression=accepted,
        seeds=seeds,
        screen=screen,
        history=_history(config),
        reference_device=_known([config.getini("accelbench_reference_device")])[0],
    )


def _history(config: pytest.Config) -> Path | None:
    """Return the folder of history: of the command line from where it was typed, else the root."""
    given: str | None = config.getoption("accelbench_history")
    if given is not None:
        return config.invocation_params.dir / given if given else None
    chosen: str = config.getini("accelbench_history")
    return config.rootpath / chosen if chosen else None


def _known(given: Sequence[str]) -> tuple[str, ...]:
    ids = [device.strip() for device in given]
    for device in ids:
        kind_of(device)
    return tuple(dict.fromkeys(ids))
