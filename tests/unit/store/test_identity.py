"""What makes two runs comparable, and what is only treatment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accelbench.records import Run
from accelbench.store.identity import key_of, treatment_differences

MakeRun = Callable[..., Run]

IDENTITY = [
    {"workload": "beta"},
    {"params": (("rate", 0.1),)},
    {"dataset": "mnist"},
    {"framework": "torch"},
    {"series": "bfloat16-eager"},
    {"workload_fingerprint": "other-10"},
    {"dataset_fingerprint": "other"},
]
TREATMENT = [
    {"seed": 99},
    {"role": "confirm"},
    {"treatment": (("python", "3.13.0"), ("framework_version", "3.0"), ("host", "host-2"))},
    {"run_id": "other"},
    {"session_id": "other"},
    {"time": "2027-01-01T00:00:00+00:00"},
    {"evaluation": None},
    {"message": "x"},
]


@pytest.mark.parametrize("change", IDENTITY, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("scope", ["portable", "device"])
def test_what_is_compared_is_in_the_key(make_run: MakeRun, change: object, scope: str) -> None:
    changes: dict[str, object] = change  # type: ignore[assignment]  # as parametrized
    assert key_of(make_run(**changes), scope) != key_of(make_run(), scope)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", TREATMENT, ids=lambda change: next(iter(change)))
@pytest.mark.parametrize("scope", ["portable", "device"])
def test_what_may_be_judged_is_not_in_the_key(
    make_run: MakeRun, change: object, scope: str
) -> None:
    changes: dict[str, object] = change  # type: ignore[assignment]  # as parametrized
    assert key_of(make_run(**changes), scope) == key_of(make_run(), scope)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"device": "gpu-1"}, {"device_model": "Model 2"}])
def test_the_device_counts_for_device_metrics_only(
    make_run: MakeRun, change: dict[str, str]
) -> None:
    changed = make_run(**change)
    assert key_of(changed, "portable") == key_of(make_run(), "portable")
    assert key_of(changed, "device") != key_of(make_run(), "device")


def test_another_workload_file_is_the_same_key_apart_from_it(make_run: MakeRun) -> None:
    one = key_of(make_run(), "portable")
    two = key_of(make_run(workload_fingerprint="other"), "portable")
    assert one.apart_from_workload() == two.apart_from_workload()


def test_differences_in_treatment_name_theirs_and_ours(make_run: MakeRun) -> None:
    ours = make_run(treatment=(("driver", "2"), ("python", "3.11"), ("sdk", "B"), ("threads", 2)))
    theirs = (
        make_run(treatment=(("driver", "2"), ("python", "3.12"), ("threads", 4))),
        make_run(treatment=(("driver", "1"), ("python", "3.13"), ("threads", 4))),
    )
    assert treatment_differences(ours, theirs) == (
        "python: 3.12, 3.13 -> 3.11",
        "sdk: ? -> B",
        "threads: 4 -> 2",
    )
    assert treatment_differences(ours, (ours,)) == ()
    assert treatment_differences(ours, ()) == ()


def test_what_moves_by_itself_is_no_difference(make_run: MakeRun) -> None:
    ours = make_run(treatment=(("at_start_gpu_temperature_celsius", 41), ("gpu_ecc", "on")))
    theirs = (make_run(treatment=(("at_start_gpu_temperature_celsius", 34), ("gpu_ecc", "off"))),)
    assert treatment_differences(ours, theirs) == ("gpu_ecc: off -> on",)
