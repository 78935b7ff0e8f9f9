"""What is written is read back, and what cannot be read says which field it is."""

# ruff: noqa: ANN401  # records and JSON of any type are the subject

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench import codec
from accelbench.records import (
    Counters,
    DataFiles,
    Epoch,
    Evaluation,
    Job,
    More,
    Outcome,
    Phases,
    Provenance,
    Run,
    RunSpec,
    State,
    Steps,
    Verdict,
    WorkerResult,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FLOATS = st.floats()
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(st.booleans(), st.integers(), FINITE, TEXTS)
PAIRS = st.dictionaries(TEXTS, SCALARS, max_size=3).map(lambda d: tuple(sorted(d.items())))
BY_HINT: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXTS,
    "int": st.integers(),
    "float": FLOATS,
    "bool": st.booleans(),
    "Pairs": PAIRS,
    "Options": st.dictionaries(TEXTS, SCALARS | st.lists(TEXTS).map(tuple), max_size=3).map(
        lambda d: tuple(sorted(d.items(), key=itemgetter(0)))
    ),
    "Tuple[float, ...]": st.lists(FLOATS, max_size=3).map(tuple),
    "Tuple[str, ...]": st.lists(TEXTS, max_size=3).map(tuple),
    "Optional[float]": st.none() | FLOATS,
}


def records(kind: type, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a record; every field is drawn, none is left at its default."""
    assert is_dataclass(kind)
    chosen = {
        f.name: parts[f.name] if f.name in parts else BY_HINT[str(f.type)] for f in fields(kind)
    }
    return st.builds(kind, **chosen)


def several(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(strategy, max_size=2).map(tuple)


EVALUATION = st.none() | records(Evaluation)
EPOCHS = several(records(Epoch))
RUN = records(
    Run,
    spec=records(RunSpec),
    # A state is one word for JSON: its name is one of a few, its detail may be anything.
    state=records(State, name=st.sampled_from(["completed", "diverged", "timed_out", "crashed"])),
    phases=records(Phases),
    epochs=EPOCHS,
    steps=records(Steps),
    evaluation=EVALUATION,
    counters=records(Counters),
    provenance=records(Provenance),
)
VERDICT = records(Verdict, more=st.none() | records(More))
ANY = st.one_of(
    RUN,
    records(Job, spec=records(RunSpec), data=st.none() | records(DataFiles)),
    records(WorkerResult, epochs=EPOCHS, evaluation=EVALUATION, counters=records(Counters)),
    records(Outcome, run=RUN, verdicts=several(VERDICT), references=several(RUN)),
)


@given(ANY)
@settings(max_examples=60)
def test_every_record_comes_back_as_it_was(record: Any) -> None:
    text = codec.dumps(record)
    assert "\n" not in text
    # repr, for not-a-number is not equal to itself; it shows -0.0 and every digit too.
    assert repr(codec.loads(type(record), text)) == repr(record)


@given(ANY)
@settings(max_examples=30)
def test_the_text_is_strict_json_that_any_reader_takes(record: Any) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = codec.dumps(record)
    value = json.loads(text, parse_constant=refuse)
    assert value == codec.to_json(record)
    assert list(value) == sorted(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_lacks_travel_as_their_names(number: float) -> None:
    value = codec.to_json(Evaluation(loss=number, samples=1))
    assert isinstance(value, dict)
    assert value["loss"] in {"NaN", "Infinity", "-Infinity"}
    assert repr(codec.from_json(Evaluation, value).loss) == repr(number)


def test_the_phase_of_imports_bears_its_published_name() -> None:
    assert json.loads(codec.dumps(Phases(imports=2.0)))["import"] == 2.0


def test_parameters_are_an_object_and_come_back_sorted(make_run: Any) -> None:
    value = json.loads(codec.dumps(make_run(params=(("a", 1), ("b", True)))))
    assert value["spec"]["params"] == {"a": 1, "b": True}
    value["spec"]["params"] = {"b": True, "a": 1}
    assert codec.from_json(Run, value).spec.params == (("a", 1), ("b", True))


def test_a_field_with_a_default_may_be_missing_and_none_is_kept_apart_from_zero() -> None:
    assert codec.from_json(Counters, {}) == Counters()
    assert codec.from_json(Counters, {"foreign_cpu_cores": 0}).foreign_cpu_cores == 0.0
    assert codec.from_json(Counters, {"foreign_cpu_cores": None}).foreign_cpu_cores is None


def test_an_unknown_type_has_no_json_form() -> None:
    with pytest.raises(TypeError, match="no JSON form for complex"):
        codec.to_json((1, complex(1)))


def places(value: codec.Json, where: str) -> list[str]:
    """Return the path of every value inside a record's JSON."""
    if isinstance(value, dict):
        inner = [(f"{where}.{key}", each) for key, each in value.items()]
    elif isinstance(value, list):
        inner = [(f"{where}[{i}]", each) for i, each in enumerate(value)]
    else:
        return []
    return [path for place, each in inner for path in (place, *places(each, place))]


def replaced(value: Any, path: str, wrong: object) -> None:
    """Put `wrong` where a path points to."""
    steps = path.replace("[", ".[").split(".")[1:]
    keys = [int(step[1:-1]) if step.startswith("[") else step for step in steps]
    for key in keys[:-1]:
        value = value[key]
    value[keys[-1]] = wrong


class Unfit:
    """A value that fits no field."""

    def __repr__(self) -> str:
        return "an unfit value"


def test_every_field_of_a_run_is_named_when_it_does_not_fit(make_run: Any) -> None:
    run = make_run(params=(("a", 1),))
    found = places(codec.to_json(run), "Run")
    assert len(found) > 60
    for path in found:
        value = codec.to_json(run)
        replaced(value, path, Unfit())
        with pytest.raises(ValueError, match="expected") as caught:
            codec.from_json(Run, value)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "State: an object is expected, not []"),
        ({}, "State: field name is missing"),
        ({"name": "x", "extra": 1, "more": 2}, "State: unknown field extra, more"),
        ({"name": None}, "State.name: str is expected, not None"),
        ({"name": 1}, "State.name: str is expected, not 1"),
    ],
)
def test_the_message_says_what_was_expected(value: codec.Json, message: str) -> None:
    with pytest.raises(ValueError, match="State") as caught:
        codec.from_json(State, value)
    assert str(caught.value) == message


@pytest.mark.parametrize("wrong", [True, "1.0", None, [1.0]])
def test_a_number_is_neither_truth_nor_text(wrong: codec.Json) -> None:
    with pytest.raises(ValueError, match=r"^Evaluation\.loss: float is expected"):
        codec.from_json(Evaluation, {"loss": wrong, "samples": 1})


@pytest.mark.parametrize("wrong", [True, 1.0, "1"])
def test_a_count_is_a_whole_number(wrong: codec.Json) -> None:
    with pytest.raises(ValueError, match=r"^Evaluation\.samples: int is expected"):
        codec.from_json(Evaluation, {"loss": 1.0, "samples": wrong})
