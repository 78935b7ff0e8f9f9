"""Time limits: how they are stated, and when they are passed."""

from __future__ import annotations

import threading
import time

import pytest

from accelbench.limits import DEFAULT_STALL_SECONDS, PHASES, TimedOutError, Watch, parse_limits


def test_every_phase_has_a_limit_of_its_own() -> None:
    limits = parse_limits(3600, [])
    assert {phase: limits.stall(phase) for phase in PHASES} == DEFAULT_STALL_SECONDS


def test_a_bare_number_is_for_all_phases_and_a_named_one_for_its_phase() -> None:
    limits = parse_limits(10, ["5", "compile=60"])
    assert limits.run_seconds == 10
    assert limits.stall("compile") == 60
    assert {limits.stall(phase) for phase in PHASES if phase != "compile"} == {5}


def test_the_last_word_counts() -> None:
    assert parse_limits(10, ["compile=60", "5"]).stall("compile") == 5


def test_a_phase_that_nobody_knows_is_limited_like_training() -> None:
    assert parse_limits(10, ["steady=7"]).stall("invented") == DEFAULT_STALL_SECONDS["steady"]


def test_an_unknown_phase_is_named_beside_those_that_exist() -> None:
    with pytest.raises(ValueError, match="--stall-timeout warm=3: unknown phase 'warm'") as caught:
        parse_limits(10, ["warm=3"])
    assert all(phase in str(caught.value) for phase in PHASES)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "nan", "steady=", "steady=x", "steady=-2"])
def test_seconds_must_be_a_number_above_zero(text: str) -> None:
    with pytest.raises(ValueError, match=f"--stall-timeout {text}: a number of seconds above 0"):
        parse_limits(10, [text])


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_the_run_timeout_must_be_a_number_above_zero(seconds: float) -> None:
    with pytest.raises(ValueError, match="--run-timeout: a number of seconds above 0 is expected"):
        parse_limits(seconds, [])


@pytest.mark.parametrize("text", ["inf", "1e10", "9.3e9"])
def test_seconds_must_be_few_enough_for_a_timer(text: str) -> None:
    most = f"at most {threading.TIMEOUT_MAX:.0f} seconds are possible, not"
    with pytest.raises(ValueError, match=f"--stall-timeout attach={text}: {most} '{text}'"):
        parse_limits(10, [f"attach={text}"])
    with pytest.raises(ValueError, match=f"--run-timeout: {most}"):
        parse_limits(float(text), [])


def test_the_longest_limit_is_one_that_a_timer_takes() -> None:
    longest = parse_limits(threading.TIMEOUT_MAX, [f"{threading.TIMEOUT_MAX}"])
    timer = threading.Timer(min(longest.run_seconds, longest.stall("attach")), lambda: None)
    timer.start()
    timer.cancel()
    timer.join()


def moved_back(watch: Watch, seconds: float) -> Watch:
    """Return the watch as it were, had its last progress been `seconds` earlier."""
    watch.moved -= seconds
    return watch


def test_no_progress_in_a_phase_ends_the_run_and_names_phase_and_option() -> None:
    watch = Watch(parse_limits(3600, ["compile=60"]))
    watch.enter("compile")
    moved_back(watch, 40).check()
    with pytest.raises(TimedOutError, match=r"no progress for 7\d s in phase compile") as caught:
        moved_back(watch, 30).check()
    assert caught.value.phase == "compile"
    assert "limit 60 s; --stall-timeout compile=SECONDS raises it" in str(caught.value)


def test_a_step_and_a_new_phase_are_progress_and_the_same_step_is_not() -> None:
    watch = Watch(parse_limits(3600, ["steady=60"]))
    watch.enter("steady")
    moved_back(watch, 61).step(1)
    watch.check()
    moved_back(watch, 61).step(1)
    with pytest.raises(TimedOutError):
        watch.check()
    watch.enter("evaluate")
    watch.check()


def test_progress_does_not_extend_the_limit_of_the_whole_run() -> None:
    watch = Watch(parse_limits(100, []))
    watch.enter("steady")
    watch.started -= 120
    watch.step(7)
    with pytest.raises(
        TimedOutError, match=r"the run took 12\d s and was in phase steady"
    ) as caught:
        watch.check()
    assert "--run-timeout SECONDS raises it" in str(caught.value)


def test_no_limit_runs_in_the_queue() -> None:
    watch = Watch(parse_limits(0.2, ["0.1"]))
    watch.enter("queue")
    time.sleep(0.3)
    watch.check()
    watch.enter("attach")
    watch.check()
    time.sleep(0.15)
    with pytest.raises(TimedOutError, match="in phase attach"):
        watch.check()
