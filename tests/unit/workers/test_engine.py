"""A workload's parameters: the file's defaults, then what was set, each of its type."""

from __future__ import annotations

import pytest

from accelbench.workers.engine import resolve

PARAMS = resolve({"rate": 0.5, "size": 8, "name": "sgd", "fast": True}, (("size", 16),))


def test_what_was_set_replaces_the_default() -> None:
    assert PARAMS.count("size") == 16
    assert PARAMS.number("rate") == 0.5
    assert PARAMS.text("name") == "sgd"


def test_a_whole_number_is_a_number_too() -> None:
    assert PARAMS.number("size") == 16.0
    assert type(PARAMS.number("size")) is float


def test_a_parameter_that_is_not_there_is_none_or_an_error() -> None:
    assert PARAMS.get("other") is None
    assert PARAMS.get("fast") is True
    with pytest.raises(KeyError, match="other"):
        PARAMS.number("other")


def test_the_wrong_type_is_named() -> None:
    with pytest.raises(TypeError, match="parameter name is a text: 'sgd'"):
        PARAMS.number("name")
    with pytest.raises(TypeError, match=r"parameter rate is not a count: 0\.5"):
        PARAMS.count("rate")
