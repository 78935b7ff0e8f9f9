"""The options of a device's SDK: those that a table in pyproject.toml or a command line sets."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

from accelbench import ways
from accelbench.devices import DeviceConfig, one_replica
from accelbench.records import Options, OptionValue
from accelbench.ways import Way


def sdk_ways(device: str) -> tuple[Way, ...]:
    """Return the ways that train by the SDK of a device, without looking for the device."""
    platform = one_replica(device)
    every = map(ways.way, ways.names())
    return tuple(each for each in every if each.of and platform in each.platforms)


def check(device: str, config: DeviceConfig) -> None:
    """Refuse options that no SDK of the device has, or not with such values; ValueError."""
    found = sdk_ways(device)
    where = f"[tool.accelbench.device.{device}.options]"
    if not found:
        raise ValueError(f"{where}: {device} is trained on without an SDK that has options")
    try:
        for way in found:
            way.options(config.options)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def with_given(config: DeviceConfig, way: Way, texts: Sequence[str]) -> DeviceConfig:
    """Return a device's configuration with options set by NAME=VALUE texts; ValueError.

    A value is read as its default's type; a list's entries stand between commas.
    """
    if texts and not way.defaults:
        raise ValueError(f"--option {texts[0]}: what trains here, {way.name}, has no options")
    given = dict(config.options)
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--option {text}: NAME=VALUE is expected")
        option = (name, _parsed(value, dict(way.defaults).get(name, "")))
        try:
            way.options((option,))
        except ValueError as error:
            raise ValueError(f"--option {text}: {error}") from None
        given.update([option])
    return replace(config, options=tuple(sorted(given.items())))


def _parsed(text: str, default: OptionValue) -> OptionValue:
    """Return a text as its default's type; the text itself where it is none."""
    if isinstance(default, tuple):
        return tuple(text.split(",")) if text else ()
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, str):
        return text
    try:
        number = type(default)(text)
    except ValueError:
        return text
    # Infinities and not-a-number have no form in JSON, where the options travel and are stored.
    return number if isinstance(number, int) or math.isfinite(number) else text


def option_lines(options: Options, given: Options) -> list[str]:
    """Return one line an option, as TOML would have it; `given` are those that somebody set."""
    names = dict(given)
    return [
        f"{name} = {_toml(value)}" + ("" if name in names else "  (default)")
        for name, value in options
    ]


def _toml(value: OptionValue) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
