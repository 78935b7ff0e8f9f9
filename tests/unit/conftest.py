"""Hand-made runs, and a home of the tests' own: no test reads the user's cache or locks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from accelbench.levels import SCREEN_LEVEL
from accelbench.limits import parse_limits
from accelbench.options import Options
from accelbench.records import (
    COMPLETED,
    Counters,
    Epoch,
    Evaluation,
    Phases,
    Provenance,
    Run,
    RunSpec,
    Steps,
    Verdict,
)
from accelbench.settings import Settings
from accelbench.store.history import HistoryLine, line_of
from accelbench.store.keeper import Keeper

MakeRun = Callable[..., Run]
MakeLine = Callable[..., HistoryLine]
Store = Callable[..., None]

# The same examples every time, and no clock: a loaded machine must not turn a test red.
settings.register_profile(
    "accelbench", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("accelbench")

_PARTS = {"spec": RunSpec, "provenance": Provenance, "counters": Counters}


def made_run(**changes: object) -> Run:
    """Return a plausible run; a change names a field of the run or of one of its parts."""
    run = Run(
        spec=RunSpec("alpha", "cpu", "numpy", "digits", seed=1, epochs=2),
        state=COMPLETED,
        phases=Phases(attach=0.5, compile=0.25, first_step=0.5, steady=2.0, evaluate=0.25),
        epochs=(
            Epoch(2.0, 0.5, 1.5, samples=1400, weight_updates=140, loss=0.7, accuracy=0.8),
            Epoch(1.0, 0.25, 0.75, samples=1400, weight_updates=140, loss=0.4, accuracy=0.9),
        ),
        steps=Steps(loss=(0.9, 0.8, 0.7)),
        evaluation=Evaluation(loss=0.5, samples=360, accuracy=0.9),
        counters=Counters(
            parameters=10,
            peak_memory_bytes=2**20,
            batch_size=10,
            steady_steps=200,
            steady_state=True,
            step_seconds_p50=0.01,
            foreign_cpu_cores=0.0,
        ),
        provenance=Provenance(
            run_id="session-1/alpha/1",
            session_id="session-1",
            time="2026-01-02T03:04:05+00:00",
            workload_fingerprint="workload-10",
            dataset_fingerprint="data",
            device_model="Model 1 2 cores",
            treatment=(("python", "3.11.7"),),
        ),
    )
    for part, kind in _PARTS.items():
        names = {each.name for each in fields(kind)} - {each.name for each in fields(Run)}
        own = {name: changes.pop(name) for name in names & set(changes)}
        run = replace(run, **{part: replace(getattr(run, part), **own)})
    return replace(run, **changes)  # type: ignore[arg-type]  # a wrong name fails here


@pytest.fixture(scope="session")
def make_run() -> MakeRun:
    """Makes a run by hand: `make_run(seed=2, evaluation=None)`."""
    return made_run


@pytest.fixture(scope="session")
def make_line() -> MakeLine:
    """Makes the history's line of a night's run: `make_line(3, 1, loss=0.5, device="gpu-1")`.

    Session ids and times rise with the night, times with the number too.
    """

    def make(
        night: int, number: int = 0, *, loss: float = 0.5, status: str = "passed", **changes: object
    ) -> HistoryLine:
        session = f"2026{night:04d}T000000-00000a"
        run = made_run(
            **{
                "session_id": session,
                "run_id": f"{session}/{changes.get('workload', 'alpha')}/{number}",
                "time": f"2026-01-01T{night // 60:02d}:{night % 60:02d}:{number:02d}+00:00",
                "seed": 100 * night + number,
                "evaluation": Evaluation(loss, samples=360, accuracy=0.9),
                **changes,
            }
        )
        verdicts = (Verdict("loss", status, loss),) if run.evaluation else ()
        return line_of(run, verdicts, expected=run.state == COMPLETED)

    return make


@pytest.fixture(scope="session")
def store() -> Store:
    """Stores lines in a folder, each in its session's file: `store(folder, *lines)`."""

    def keep(folder: Path, *lines: HistoryLine) -> None:
        keeper = Keeper(folder)
        for line in lines:
            keeper.keep(line)
        keeper.close()
        assert keeper.complaint is None

    return keep


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own: cache, locks, and no data set from outside."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("ACCELBENCH_LOCKS", str(folder / "locks"))
    monkeypatch.delenv("ACCELBENCH_DATA", raising=False)
    return folder


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """The options of a plain session in a folder of its own."""
    return Options(
        settings=Settings(tmp_path, tmp_path / "w", tmp_path / "baselines", tmp_path / "d"),
        tier="smoke",
        devices=("cpu",),
        required=(),
        limits=parse_limits(60, []),
        update_baselines=False,
        accept_regression=None,
        seeds=1,
        screen=SCREEN_LEVEL,
    )
