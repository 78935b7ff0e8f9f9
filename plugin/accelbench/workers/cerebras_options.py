"""Which values the Cerebras SDK's options may have: told before the SDK is loaded.

The ranges are those that cerebras_pytorch 2.10 checks itself, some of them only when a job starts.
"""

from __future__ import annotations

from typing import Dict, Mapping, Tuple

from accelbench.records import OptionValue

_ONE_OF: Dict[str, Tuple[OptionValue, ...]] = {
    "half_dtype": ("float16", "bfloat16", "cbfloat16"),
    "job_priority": ("p1", "p2", "p3"),
    "optimization_level": (0, 1, 2),
}

_AT_LEAST = {
    "activation_steps": 1,
    "job_time_sec": 0,
    "max_act_per_csx": 0,
    "max_wgt_servers": 0,
    "num_csx": 1,
    "num_workers_per_csx": 1,
    "transfer_processes": 1,
}

_WORDS = ("auto", "explore", "none")


def check(options: Mapping[str, OptionValue]) -> None:
    """Raise ValueError in one line for a value that the SDK does not take."""
    for name, known in _ONE_OF.items():
        if options.get(name, known[0]) not in known:
            texts = [str(each) for each in known]
            _refuse(options, name, f"{', '.join(texts[:-1])} or {texts[-1]}")
    for name, least in _AT_LEAST.items():
        value = options.get(name, least)
        if isinstance(value, int) and value < least:
            _refuse(options, name, f"{least} or more")
    micro_batch_size(options)


def micro_batch_size(options: Mapping[str, OptionValue]) -> object:
    """Return option micro_batch_size as the SDK takes it: a count, a word, or None for "none"."""
    value = str(options.get("micro_batch_size", "auto"))
    if value in _WORDS:
        return None if value == "none" else value
    if not (value.isascii() and value.isdecimal() and int(value)):
        _refuse(options, "micro_batch_size", f"a number above 0, {', '.join(_WORDS[:-1])} or none")
    return int(value)


def _refuse(options: Mapping[str, OptionValue], name: str, wanted: str) -> None:
    raise ValueError(f"option {name} must be {wanted}, not {options[name]!r}")
