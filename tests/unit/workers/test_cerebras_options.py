"""Values that the Cerebras SDK would refuse later, or in other words, are one line at the start."""

from __future__ import annotations

import pytest

from accelbench.records import OptionValue
from accelbench.workers.cerebras_options import check, micro_batch_size


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("half_dtype", "float64", "float16, bfloat16 or cbfloat16, not 'float64'"),
        ("micro_batch_size", "banana", "a number above 0, auto, explore or none, not 'banana'"),
        ("micro_batch_size", "0", "a number above 0, auto, explore or none, not '0'"),
        ("micro_batch_size", "-1", "a number above 0, auto, explore or none, not '-1'"),
        ("micro_batch_size", "²", "a number above 0, auto, explore or none, not '²'"),
        ("optimization_level", 99, "0, 1 or 2, not 99"),
        ("optimization_level", -1, "0, 1 or 2, not -1"),
        ("job_priority", "urgent", "p1, p2 or p3, not 'urgent'"),
        ("activation_steps", 0, "1 or more, not 0"),
        ("transfer_processes", 0, "1 or more, not 0"),
        ("num_csx", 0, "1 or more, not 0"),
        ("job_time_sec", -1, "0 or more, not -1"),
    ],
)
def test_a_bad_value_is_told_with_those_that_are_good(
    name: str, value: OptionValue, wanted: str
) -> None:
    with pytest.raises(ValueError, match="option") as raised:
        check({name: value})
    assert str(raised.value) == f"option {name} must be {wanted}"


def test_values_at_their_limits_are_taken() -> None:
    check({})
    for level in (0, 1, 2):
        check({"optimization_level": level, "activation_steps": 1, "max_wgt_servers": 0})


@pytest.mark.parametrize(
    ("given", "taken"), [("auto", "auto"), ("explore", "explore"), ("none", None), ("12", 12)]
)
def test_a_micro_batch_is_a_count_a_word_or_none(given: str, taken: object) -> None:
    assert micro_batch_size({"micro_batch_size": given}) == taken
