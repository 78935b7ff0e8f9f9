"""Which GPUs a process may use, by the environment variables of CUDA and of containers.

CUDA_VISIBLE_DEVICES is read as CUDA documents it: names count up to the first that names nothing,
and one that is named twice leaves none (the latter as torch reads it too).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

CUDA = "CUDA_VISIBLE_DEVICES"
CONTAINER = "NVIDIA_VISIBLE_DEVICES"


def by_number(text: str) -> bool:
    """Tell whether a value of CUDA_VISIBLE_DEVICES names GPUs by their numbers, not by UUIDs."""
    return not text.startswith(("GPU-", "MIG-"))


def chosen(text: str, uuids: Sequence[str]) -> list[int]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, as places in `uuids`, in its own order.

    The beginning of a UUID names it where no other one begins so.
    """
    names: list[int | str] = []
    names += _numbers(text) if by_number(text) else _names(text)
    if len(set(names)) < len(names):
        return []
    places: list[int] = []
    for name in names:
        fits = _fits(name, uuids)
        if len(fits) != 1:
            break
        if fits[0] in places:
            return []
        places.append(fits[0])
    return places


def _numbers(text: str) -> Iterator[int]:
    """Yield numbers up to an entry that is none; digits count up to another character, as in C."""
    for entry in text.split(","):
        match = re.match(r"\+?([0-9]+)", entry.strip(" \t"))
        if match is None:
            return
        yield int(match[1])


def _names(text: str) -> Iterator[str]:
    """Yield UUIDs, or their beginnings, up to an entry of another kind than the first."""
    kind = text[: len("GPU-")]
    return itertools.takewhile(lambda name: name.startswith(kind), text.split(","))


def _fits(name: int | str, uuids: Sequence[str]) -> list[int]:
    if isinstance(name, int):
        return [name] if name < len(uuids) else []
    return [place for place, uuid in enumerate(uuids) if uuid.startswith(name)]


def left_in_container(text: str, uuids: Sequence[str]) -> list[int]:
    """Return the GPUs that NVIDIA_VISIBLE_DEVICES leaves to a container, as places in `uuids`.

    The container's runtime reads it, and NVML shows no others then: its numbers are the host's, and
    "void" is what a runtime writes that has brought the GPUs in by another way (CDI). So it
    restricts only what NVML does not: "none", and a list where NVML shows more than it names.
    """
    everything = list(range(len(uuids)))
    names = [name.strip() for name in text.split(",")]
    if names == ["none"]:
        return []
    if len(uuids) <= len(names):
        return everything
    if all(re.fullmatch(r"[0-9]+", name) for name in names):
        return [place for place in everything if str(place) in names]
    if all(name.startswith("GPU-") for name in names):
        return [place for place in everything if uuids[place] in names]
    return everything
