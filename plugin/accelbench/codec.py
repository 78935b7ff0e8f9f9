"""Turns records into JSON values and back; runs on Python 3.8 too, in the workers.

Only the types that records.py uses are known. Not-a-number and infinities, which JSON lacks,
are written as the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import types
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from typing import (
    Any,
    Dict,
    List,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from accelbench.records import Options, OptionValue, Scalar, State

Json = Union[None, bool, int, float, str, List["Json"], Dict[str, "Json"]]
T = TypeVar("T")

_UNION_TYPE = getattr(types, "UnionType", Union)
"""What `X | None` is from Python 3.10 on, for the records of the session alone."""

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def to_json(value: object) -> Json:
    """Return a record, or a tuple of them, as JSON values; TypeError for anything unknown."""
    if isinstance(value, State):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        record: Dict[str, Json] = {}
        for item in fields(value):
            content = getattr(value, item.name)
            record[_json_name(item)] = (
                {key: to_json(each) for key, each in content}
                if item.metadata.get("object")
                else to_json(content)
            )
        return record
    if isinstance(value, (tuple, list)):
        return [to_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"no JSON form for {type(value).__name__}: {value!r}")


def dumps(value: object) -> str:
    """Return a record as one line of JSON with sorted keys."""
    return json.dumps(to_json(value), sort_keys=True, allow_nan=False, ensure_ascii=False)


def loads(cls: Type[T], text: str) -> T:
    """Return the record that `dumps` wrote; ValueError names the field that does not fit."""
    return from_json(cls, json.loads(text))


def from_json(cls: Type[T], value: Json) -> T:
    """Return a record of type `cls` from JSON values; ValueError names the field."""
    record: T = _decode(cls, value, cls.__name__)
    return record


def _json_name(item: Field[Any]) -> str:
    """Return a field's name in JSON: its own, unless that is a word Python reserves."""
    name: str = item.metadata.get("json", item.name)
    return name


@lru_cache(maxsize=None)
def _hints(cls: type) -> Tuple[Tuple[str, str, Any, bool, bool], ...]:
    hints = get_type_hints(cls)
    return tuple(
        (
            _json_name(item),
            item.name,
            hints[item.name],
            bool(item.metadata.get("object")),
            item.default is MISSING and item.default_factory is MISSING,
        )
        for item in fields(cls)
    )


def _decode_record(cls: type, value: Json, where: str) -> Any:  # noqa: ANN401  # the type is the argument
    if not isinstance(value, dict):
        raise ValueError(f"{where}: an object is expected, not {value!r}")
    unknown = set(value) - {name for name, *_ in _hints(cls)}
    if unknown:
        raise ValueError("{}: unknown field {}".format(where, ", ".join(sorted(unknown))))
    content = {}
    for name, attribute, hint, is_object, required in _hints(cls):
        if name in value:
            place = f"{where}.{name}"
            content[attribute] = (
                _decode_pairs(value[name], place, lists=hint == Options)
                if is_object
                else _decode(hint, value[name], place)
            )
        elif required:
            raise ValueError(f"{where}: field {name} is missing")
    return cls(**content)


def _decode_pairs(value: Json, where: str, *, lists: bool) -> Tuple[Tuple[str, OptionValue], ...]:
    """Return an object as pairs; `lists`: a value may be a list of texts too."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: an object is expected, not {value!r}")
    pairs: List[Tuple[str, OptionValue]] = []
    for key, each in sorted(value.items()):
        if isinstance(each, (bool, int, float, str)):
            pairs.append((key, each))
        elif lists and isinstance(each, list):
            pairs.append((key, tuple(_decode(str, one, f"{where}.{key}") for one in each)))
        else:
            raise ValueError(f"{where}.{key}: a plain value is expected")
    return tuple(pairs)


def _decode(hint: Any, value: Json, where: str) -> Any:  # noqa: ANN401  # the type is the argument
    if hint is State and isinstance(value, str):
        return State.parse(value)
    if isinstance(hint, type) and is_dataclass(hint):
        return _decode_record(hint, value, where)
    origin = get_origin(hint)
    if origin is Union or origin is _UNION_TYPE:
        return None if value is None else _decode(get_args(hint)[0], value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: a list is expected, not {value!r}")
        each_hint = get_args(hint)[0]
        return tuple(_decode(each_hint, each, f"{where}[{i}]") for i, each in enumerate(value))
    return _decode_plain(hint, value, where)


def _decode_plain(hint: type, value: Json, where: str) -> Scalar:
    if hint is float:
        if isinstance(value, str) and value in _NON_FINITE:
            return _NON_FINITE[value]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    elif isinstance(value, (bool, int, str)) and type(value) is hint:
        return value
    raise ValueError(f"{where}: {hint.__name__} is expected, not {value!r}")
