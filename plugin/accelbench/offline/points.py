"""Files of convergence points: the epochs (or samples) that each run needed to reach the target.

The layout is that of the RCP checker's references: {name: {BS, Epochs to converge, ...}}.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from accelbench.codec import Json

UNET3D = "unet3d"
"""The one benchmark of which the checker trims, and lets fail, four runs instead of one."""

_COUNTS = ("Epochs to converge", "samples to converge")


class ConvergenceError(ValueError):
    """A file of points that does not fit; one clear line."""


@dataclass(frozen=True)
class Points:
    """Epochs to the target, one a run, in the order they were made; infinite where never reached.

    `batch_size` is None where the file does not say it.
    """

    name: str
    epochs: tuple[float, ...]
    batch_size: float | None = None
    benchmark: str = ""
    when: str = ""

    @property
    def never(self) -> int:
        """How many runs did not reach the target."""
        return sum(math.isinf(each) for each in self.epochs)

    @property
    def trimmed(self) -> int:
        """How many runs the checker leaves out at either end."""
        return 4 if self.benchmark == UNET3D else 1


def read_points(path: Path) -> Points:
    """Return the points of a file: {BS, "Epochs to converge": [...]}; ConvergenceError."""
    content = _content(path)
    if any(name in content for name in _COUNTS):
        return _points(path, path.stem, content)
    if len(content) == 1:
        name, record = next(iter(content.items()))
        return _points(path, name, record)
    raise ConvergenceError(f'{path}: {{"BS": ..., "Epochs to converge": [...]}} is expected')


def read_reference(path: Path, batch_size: float | None) -> Points:
    """Return the record of a reference file that has a batch size; ConvergenceError.

    None takes the only one. There is no interpolation between batch sizes.
    """
    content = _content(path)
    if any(name in content for name in _COUNTS):
        content = {path.stem: content}
    records = [_points(path, name, record) for name, record in content.items()]
    found = [each for each in records if batch_size in (None, each.batch_size)]
    if len(found) == 1:
        return found[0]
    sizes = ", ".join(f"{each.batch_size:g}" for each in records if each.batch_size is not None)
    wanted = (
        "say BS in the points" if batch_size is None else f"no single record has {batch_size:g}"
    )
    raise ConvergenceError(f"{path}: {wanted}; the batch sizes there: {sizes or 'none'}")


def _content(path: Path) -> dict[str, Json]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConvergenceError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConvergenceError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict) or not content:
        raise ConvergenceError(f"{path}: an object is expected")
    return content


def _points(path: Path, name: str, record: Json) -> Points:
    if not isinstance(record, dict):
        raise ConvergenceError(f"{path}: {name}: an object is expected")
    raw = next((record[key] for key in _COUNTS if key in record), None)
    if not isinstance(raw, list) or not raw:
        raise ConvergenceError(f'{path}: {name}: "Epochs to converge" must be a list of numbers')
    size = record.get("BS")
    if size is not None and (isinstance(size, bool) or not isinstance(size, int | float)):
        raise ConvergenceError(f"{path}: {name}: BS must be a number, not {size!r}")
    return Points(
        name,
        tuple(_epochs(path, name, each) for each in raw),
        None if size is None else float(size),
        str(record.get("Benchmark", "")),
        str(record.get("When", "")),
    )


def _epochs(path: Path, name: str, value: Json) -> float:
    if value is None or (isinstance(value, str) and value.lower() in {"inf", "infinity"}):
        return math.inf
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not float(value) > 0:  # type: ignore[arg-type]  # known to be a number
        raise ConvergenceError(
            f'{path}: {name}: a number above 0, null or "inf" is expected, not {value!r}'
        )
    return float(value)  # type: ignore[arg-type]  # the same
