"""How a training is cut for an IPU, and what its errors become. Runs on Python 3.8 too."""

# ruff: noqa: ANN401  # torch is imported late: it has no types here

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from accelbench.workers.engine import Params
from accelbench.workers.failure import DeviceLostError

DEFAULTS: dict[str, Any] = {
    "device_iterations": 0,
    "gradient_accumulation": 1,
    "output_mode": "all",
    "loader": "resident",
    "available_memory_proportion": 0.0,
    "executable_cache": "",
}


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="torch is not installed")


def cut(torch: Any, steps: int, batch_size: int = 8, replicas: int = 1, **options: Any) -> Any:
    """Return the plan of an epoch of so many steps."""
    from accelbench.workers.poptorch_plan import plan
    from accelbench.workers.torch_data import Batches

    batches = Batches(batch_size, seed=1, world=replicas)
    return plan(Params({**DEFAULTS, **options}), batches, steps)


# MNIST's 60,000 images by the batch sizes of published runs: (batch size, the SDK's example cuts
# calls of 50 and uses so many samples, cut automatically calls have so many steps and use so many).
MNIST = [
    (8, 60000, 50, 60000),
    (16, 60000, 50, 60000),
    (32, 59200, 25, 60000),
    (64, 57600, 39, 59904),
    (128, 57600, 39, 59904),
]


@pytest.mark.parametrize(("batch_size", "published", "iterations", "used"), MNIST)
def test_an_explicit_call_is_the_published_one_and_an_automatic_one_drops_less(
    torch: Any, batch_size: int, published: int, iterations: int, used: int
) -> None:
    steps = 60000 // batch_size
    fixed = cut(torch, steps, batch_size, device_iterations=50)
    assert (fixed.iterations, fixed.steps * batch_size) == (50, published)
    chosen = cut(torch, steps, batch_size)
    assert (chosen.iterations, chosen.steps * batch_size) == (iterations, used)


def test_an_automatic_call_is_the_longest_of_those_that_drop_the_fewest_steps(torch: Any) -> None:
    for steps in range(1, 2000):
        found = cut(torch, steps).iterations
        if steps < 25:
            assert found == steps
            continue
        allowed = range(25, min(50, steps) + 1)
        fewest = min(steps % each for each in allowed)
        assert found == max(each for each in allowed if steps % each == fewest)


def test_the_batch_is_one_replicas_for_one_update(torch: Any) -> None:
    made = cut(torch, 100, batch_size=12, replicas=2, gradient_accumulation=3)
    assert (made.micro_batch, made.samples_per_step) == (4, 24)
    assert (made.iterations, made.calls, made.steps, made.samples_per_call) == (50, 2, 100, 1200)


def test_losses_come_back_by_steps_then_accumulation_then_replicas(torch: Any) -> None:
    made = cut(torch, 3, batch_size=8, replicas=2, gradient_accumulation=2)
    returned = torch.arange(12, dtype=torch.float32)
    assert made.losses(returned) == [1.5, 5.5, 9.5]
    summed = cut(torch, 3, replicas=2, gradient_accumulation=2, output_mode="sum")
    by_replica = torch.stack([returned[0::2].sum(), returned[1::2].sum()])
    assert summed.losses(by_replica) == [5.5, 5.5, 5.5]


@pytest.mark.parametrize("mode", ["all", "sum"])
def test_the_loss_of_a_call_of_one_step_is_a_scalar(torch: Any, mode: str) -> None:
    assert cut(torch, 1, output_mode=mode).losses(torch.tensor(0.25)) == [0.25]


def check(
    steps: int = 10, *, augments: bool = False, emulated: bool = False, **options: Any
) -> None:
    """Check options for a batch of 8 and an epoch of 10 steps."""
    from accelbench.workers.poptorch_given import check

    given = Params({**DEFAULTS, **options})
    check(given, 8, 10, augments=augments, emulated=emulated)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"gradient_accumulation": 3},
            "gradient_accumulation must be a divisor of the batch size 8, which it splits into "
            "micro-batches, not 3",
        ),
        ({"gradient_accumulation": 0}, "gradient_accumulation must be a divisor"),
        (
            {"device_iterations": 11},
            "must be at most 10, the steps of an epoch, or 0 to be chosen, not 11",
        ),
        ({"device_iterations": -1}, "device_iterations must be at most 10"),
        ({"output_mode": "every_n"}, "output_mode must be all or sum, not 'every_n'"),
        ({"loader": "foo"}, "loader must be resident, sync or async, not 'foo'"),
        ({"loader": "async", "augments": True}, "loader must be resident or sync, not 'async'"),
        ({"available_memory_proportion": 1.5}, "must be above 0 and at most 1, or 0 for the SDK's"),
        ({"available_memory_proportion": -0.1}, "available_memory_proportion must be above 0"),
        ({"available_memory_proportion": float("nan")}, "must be above 0 and at most 1"),
        ({"executable_cache": "/proc/no"}, "executable_cache must be a folder"),
    ],
)
@pytest.mark.usefixtures("torch")
def test_an_option_that_fits_nothing_is_named_in_one_line(options: Any, said: str) -> None:
    with pytest.raises(ValueError, match="option") as caught:
        check(**options)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("torch")
def test_options_that_fit_make_the_cache_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "cache"
    check(executable_cache=str(folder), emulated=True)
    assert not folder.exists()
    for _ in range(2):
        check(executable_cache=str(folder), device_iterations=10, loader="async")
        assert folder.is_dir()


# ------------------------------------------------------------------------------------------ errors
class Error(Exception):
    """As an SDK has it whose C++ side sets the attributes on the class."""

    type = message = ""


class RecoverableError(Error):
    recovery_action = ""


class UnrecoverableError(Error):
    pass


SDK = SimpleNamespace(
    Error=Error, RecoverableError=RecoverableError, UnrecoverableError=UnrecoverableError
)


@pytest.mark.parametrize(
    ("action", "advice"),
    [
        ("IPU_RESET", "reset the IPU"),
        ("LINK_RESET", "its links must be reset"),
        ("PARTITION_RESET", "reset the partition"),
        ("FULL_RESET", "the whole machine must be reset"),
        ("SOMETHING_NEW", "reset the IPU, or ask"),
    ],
)
def test_what_recovers_a_device_is_the_runs_state(
    monkeypatch: pytest.MonkeyPatch, action: str, advice: str
) -> None:
    from accelbench.workers.poptorch_errors import told_apart

    monkeypatch.setattr(RecoverableError, "recovery_action", action)
    monkeypatch.setattr(RecoverableError, "message", "An IPU\n  was lost")
    monkeypatch.setattr(RecoverableError, "type", "poplar_recoverable_runtime_error")
    with pytest.raises(DeviceLostError) as caught, told_apart(SDK):
        raise RecoverableError("An IPU\nwas lost")
    monkeypatch.setattr(RecoverableError, "recovery_action", "of the next error")
    assert caught.value.run_state == f"device_lost({action.lower()})"
    said = "poplar_recoverable_runtime_error: An IPU was lost; " + advice
    assert str(caught.value).startswith(said)


def test_an_unrecoverable_device_and_a_busy_one_are_told_apart() -> None:
    from accelbench.workers.poptorch_errors import BusyError, told_apart

    with pytest.raises(DeviceLostError, match="taken out of use") as caught, told_apart(SDK):
        raise UnrecoverableError("SoC alarm")
    assert caught.value.run_state == "device_lost(unrecoverable)"
    with pytest.raises(BusyError, match="; ask") as busy, told_apart(SDK, "ask"):
        raise Error("Failed to acquire 2 IPU(s)\nError raised in:\n  [0] attach")
    assert busy.value.run_state == "device_lost(busy)"


NEVER = Error("Failed to acquire 8 IPU(s)\nNo device with 8 IPUs: the configuration must change")


@pytest.mark.parametrize(
    "error", [Error("Out of memory"), NEVER, ValueError("Nesterov"), KeyError("a")]
)
def test_what_is_no_fault_of_the_device_passes_as_it_is(error: Exception) -> None:
    from accelbench.workers.poptorch_errors import told_apart

    with pytest.raises(type(error)) as caught, told_apart(SDK):
        raise error
    assert caught.value is error


def test_who_waits_for_an_ipu_waits_in_the_queue_until_there_is_one() -> None:
    from accelbench.workers.poptorch_errors import Acquisition, BusyError

    left = [3]
    phases: list[str] = []
    compiled: list[int] = []

    def compiles(number: int) -> None:
        left[0] -= 1
        if left[0]:
            raise Error("Failed to acquire 1 IPU(s)")
        compiled.append(number)

    waiting = Acquisition(SDK, waits=True, enter=phases.append, wait_seconds=0.0)
    waiting.compile(compiles, 7)
    assert compiled == [7]
    assert phases == ["queue", "compile", "queue", "compile"]
    left[0] = 2
    with pytest.raises(BusyError, match="POPTORCH_WAIT_FOR_IPU"):
        Acquisition(SDK, waits=False, enter=phases.append).compile(compiles, 7)
