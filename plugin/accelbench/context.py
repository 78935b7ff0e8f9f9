"""What all trainings of one session share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from accelbench.allocation import Estimates
from accelbench.options import GATES, OPTIONS, SESSION_ID, Options
from accelbench.report.progress import listener
from accelbench.settings import session_treatment
from accelbench.store import Baselines
from accelbench.store.past import History
from accelbench.trainer import Trainer


@dataclass(frozen=True)
class Context:
    """What all trainings of one session share."""

    options: Options
    trainer: Trainer
    baselines: Baselines
    history: History
    gates: int
    rerun: Callable[[str], list[str]]
    estimates: Estimates


CONTEXT = pytest.StashKey[Context]()


def context(config: pytest.Config, scratch: Path) -> Context:
    """Return what all trainings of this session share; `scratch` takes the runs' logs."""
    if CONTEXT not in config.stash:
        config.stash[CONTEXT] = _context(config, scratch)
    return config.stash[CONTEXT]


def _context(config: pytest.Config, scratch: Path) -> Context:
    options = config.stash[OPTIONS]
    plugins = config.pluginmanager
    trainer = Trainer(
        session_id=config.stash[SESSION_ID],
        data_root=options.settings.data_root,
        limits=options.limits,
        treatment=session_treatment(options.settings.root),
        logs=scratch / "accelbench-logs",
        listener=listener(
            plugins.getplugin("terminalreporter"), plugins.getplugin("capturemanager")
        ),
    )
    given = [] if options.tier == "smoke" else ["--tier", options.tier]
    root = config.getoption("--data-root")
    given += ["--data-root", str(root)] if root else []

    def rerun(nodeid: str) -> list[str]:
        file, colons, rest = nodeid.partition("::")
        place = os.path.relpath(config.rootpath / file, config.invocation_params.dir)
        return ["pytest", f"{place}{colons}{rest}", *given]

    baselines = Baselines(options.settings.baselines)
    history = History(options.history)
    return Context(
        options, trainer, baselines, history, config.stash[GATES], rerun, Estimates(baselines)
    )
