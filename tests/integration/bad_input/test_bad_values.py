"""Names and values that do not exist or do not fit: one line, before anything is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Checkout, Done

DEVICES = "known: cpu, cpu-2, cpu-4, gpu-1, gpu-2, gpu-4, gpu-8, cerebras, cerebras-check, "
KNOWN = "cifar10, cifar10-jpeg, digits, mnist"
PARAMETERS = "it has: learning_rate, batch_size, steps, kind"


@pytest.fixture(scope="module")
def good(made_checkout: Callable[[str], Checkout]) -> Checkout:
    """A checkout with one workload that works."""
    checkout = made_checkout("values")
    checkout.workload("good")
    checkout.workload("on_images", literals={"INPUT": "[28, 28]"})
    checkout.tests()
    return checkout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["godo"], "unknown workload 'godo' (did you mean good?); known: good, on_images"),
        (["good", "--device", "tpu"], f"unknown device 'tpu'; {DEVICES}"),
        (["good", "--device", "ipu"], "ipu: no IPU is attached"),
        (["good", "--dataset", "mnits"], "workload good holds its own data"),
        (["on_images", "--dataset", "mnits"], f"unknown data set 'mnits'; known: {KNOWN}"),
        (["on_images"], "workload on_images trains on images (INPUT) and holds no data itself: "),
        (["good", "--set", "learning_rat=1"], "has no parameter 'learning_rat' (did you mean "),
        (["good", "--set", "loss=nonsense"], f"has no parameter 'loss'; {PARAMETERS}"),
        (["good", "--set", "kind=nonsense"], "kind of workload good is one of plain, fancy, not "),
        (["good", "--set", "learning_rate=fast"], "takes a number such as 0.1, not 'fast'"),
        (["good", "--set", "learning_rate="], "takes a number such as 0.1, not ''"),
        (["good", "--set", "learning_rate=nan"], "must be finite, not nan"),
        (["good", "--set", "learning_rate=1e999"], "must be finite, not inf"),
        (["good", "--set", "learning_rate"], "learning_rate: KEY=VALUE is expected"),
        (["good", "--set", "batch_size=0"], "batch_size of workload good must be 1 or more, not 0"),
        (["good", "--set", "steps=2.5"], "takes a whole number such as 200, not 2.5"),
        (["good", "--stall-timeout", "lunch=3"], "unknown phase 'lunch'; known: attach, import"),
        (
            ["good", "--stall-timeout", "soon"],
            "a number of seconds above 0 is expected, not 'soon'",
        ),
        (["good", "--run-timeout", "-1"], "--run-timeout: a number of seconds above 0 is expected"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_single_run_refuses_what_does_not_fit(
    good: Checkout, arguments: list[str], words: str
) -> None:
    done = good.accelbench("run", *arguments)
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith("Error: ")
    assert words in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--epochs", "0"], "Invalid value for '--epochs': 0 is not in the range x>=1"),
        (["--epochs", "two"], "Invalid value for '--epochs': 'two' is not a valid integer range"),
        (["--seed", "-1"], "Invalid value for '--seed': -1 is not in the range x>=0"),
        (["--sed", "1"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_single_run_explains_its_usage(good: Checkout, arguments: list[str], words: str) -> None:
    done = good.accelbench("run", "good", *arguments)
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("Error: ")
    assert words in done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["data", "fetch", "mnits"], f"unknown data set 'mnits'; known: {KNOWN}"),
        (["data", "path", "../../etc"], f"unknown data set '../../etc'; known: {KNOWN}"),
        (["devices", "--explain", "tpu"], f"unknown device 'tpu'; {DEVICES}"),
        (["baselines", "explain", "godo"], "unknown workload 'godo' (did you mean good?)"),
        (
            ["baselines", "explain", "good"],
            "good has no reference runs: pytest bench -m cpu -k good",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_other_commands_refuse_what_does_not_exist(
    good: Checkout, arguments: list[str], words: str
) -> None:
    done = good.accelbench(*arguments)
    assert (done.status, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert words in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--devices", "cpu,tpu"], f"unknown device 'tpu'; {DEVICES}"),
        (["--devices", ""], "unknown device ''; known: cpu"),
        (["--require-device", "tpu"], f"unknown device 'tpu'; {DEVICES}"),
        (["-o", "accelbench_devices=tpu", "--devices", "tpu"], "unknown device 'tpu'"),
        (["--stall-timeout", "lunch=3"], "unknown phase 'lunch'; known: attach, import"),
        (["--run-timeout", "0"], "--run-timeout: a number of seconds above 0 is expected"),
        (["--seeds", "0", "--update-baselines"], "--seeds must be 1 or more, not 0"),
        (["--seeds", "3"], "--accept-regression and --seeds need --update-baselines"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_session_refuses_options_that_do_not_fit(
    good: Checkout, arguments: list[str], words: str
) -> None:
    done = good.pytest(*arguments)
    assert done.status == pytest.ExitCode.USAGE_ERROR
    (line,) = done.err.strip().splitlines()
    assert line.startswith("ERROR: ")
    assert words in line


TESTS = """
def test_of_unknown_workload(train): train("godo").check()
def test_of_unknown_parameter(train): train("good", learning_rat=1).check()
def test_of_unknown_choice(train): train("good", kind="nonsense").check()
def test_of_wrong_type(train): train("good", learning_rate="fast").check()
def test_of_bool_for_a_number(train): train("good", steps=True).check()
def test_of_no_batch(train): train("good", batch_size=0).check()
def test_of_not_finite(train): train("good", learning_rate=float("inf")).check()
def test_of_unknown_data_set(train): train("on_images", dataset="mnits").check()
def test_of_data_that_does_not_fit(train): train("good", dataset="digits").check()
def test_of_images_that_are_not_there(train): train("on_images").check()
def test_of_unknown_metric(train): train("good", gates=["los"]).check()
def test_of_no_epoch(train): train("good", epochs=0).check()
def test_of_epochs_as_text(train): train("good", epochs="2").check()
def test_of_unknown_ending(train): train("good", expect="crashed").check()
def test_that_passes(train): train("good").check()
"""

LINES = {
    "unknown_workload": "unknown workload 'godo' (did you mean good?); known: good, on_images",
    "unknown_parameter": "workload good has no parameter 'learning_rat' (did you mean "
    f"learning_rate?); {PARAMETERS}",
    "unknown_choice": "parameter kind of workload good is one of plain, fancy, not 'nonsense'",
    "wrong_type": "parameter learning_rate of workload good takes a number such as 0.1, not 'fast'",
    "bool_for_a_number": "parameter steps of workload good takes a whole number such as 200, "
    "not True",
    "no_batch": "parameter batch_size of workload good must be 1 or more, not 0",
    "not_finite": "parameter learning_rate of workload good must be finite, not inf",
    "unknown_data_set": f"unknown data set 'mnits'; known: {KNOWN}, inline",
    "data_that_does_not_fit": "workload good holds its own data (data set inline) and cannot train "
    "on 'digits'",
    "images_that_are_not_there": "workload on_images trains on images (INPUT) and holds no data "
    f"itself: choose one of {KNOWN}, not 'inline'",
    "unknown_metric": "workload good: unknown metric 'los' in gates; known: accuracy, "
    "compile_seconds, compute_seconds, data_loading_seconds, energy_joules, "
    "energy_per_sample_joules, epoch_seconds, epochs_to_accuracy, loss, model_flops_utilisation, "
    "peak_memory_bytes, scaling_efficiency, throughput, time_to_accuracy",
    "no_epoch": "workload good: epochs must be a whole number, 1 or more, not 0",
    "epochs_as_text": "workload good: epochs must be a whole number, 1 or more, not '2'",
    "unknown_ending": "workload good: expect is one of completed, diverged, not 'crashed'",
}


@pytest.fixture(scope="module")
def said(
    made_checkout: Callable[[str], Checkout], parallel: tuple[str, ...]
) -> tuple[Done, dict[str, str]]:
    """What the tests of one session say."""
    checkout = made_checkout("fixture")
    checkout.workload("good")
    checkout.workload("on_images", literals={"INPUT": "[28, 28]"})
    checkout.tests(TESTS)
    return checkout.reports(*parallel)


@pytest.mark.parametrize("name", LINES)
def test_training_refuses_what_does_not_fit_in_one_line(
    said: tuple[Done, dict[str, str]], name: str
) -> None:
    assert said[1][f"test_of_{name}[cpu]"] == LINES[name]


def test_tests_that_fit_pass_beside_them(said: tuple[Done, dict[str, str]]) -> None:
    assert said[0].status == 1
    assert said[1]["test_that_passes[cpu]"] == ""
    assert f"{len(LINES)} failed, 1 passed" in said[0].out
    assert "1 run, 1 gated metric: 1 new" in said[0].out


@pytest.mark.parametrize("place", ["nowhere/run.json", "workloads", "test_trainings.py/run.json"])
def test_json_that_has_no_place_is_refused_before_the_training(good: Checkout, place: str) -> None:
    done = good.accelbench("run", "good", "--json", place)
    assert (done.status, done.out) == (1, "")
    assert done.err == f"Error: cannot write {place}: give --json a file that can be written\n"


def test_json_that_cannot_be_written_after_all_loses_no_result(good: Checkout) -> None:
    done = good.accelbench("run", "good", "--json", "/dev/full")
    assert done.status == 1
    assert done.out.startswith("good on cpu: completed, seed ")
    assert done.err == "Error: cannot write /dev/full: No space left on device\n"
