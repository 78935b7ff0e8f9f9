"""What the SDK does inside a step: queueing, compiling, programming; from its log and its tracker.

The log is read while it is written, so that the session's limits know of a queue. The lines are
those of cerebras_pytorch 2.10 (sdk B3); `track.json`, which the SDK writes when an executor ends
(sdk B2), fills in where they did not come.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

from accelbench.workers.cerebras_clock import StepClock

HOME = ""
"""Stands for the phase in which the SDK was called: its preparations are over."""

# What a line tells by its beginning. "Recording the timestamp" is written when a job leaves the
# queue, "Poll ingress success" when its service is ready; both lead to what the job is for.
_LINES = (
    ("Compiling the model.", "compile"),
    ("Initiating a new compile wsjob", "queue"),
    ("Initiating a new execute wsjob", "queue"),
    ("Recording the timestamp when job", "job"),
    ("Poll ingress success", "job"),
    ("Programming Cerebras Wafer Scale Cluster", "attach"),
    ("Preparing to execute using", "attach"),
    ("Appliance staging is complete", "attach"),
    ("Beginning appliance run", HOME),
)

# The names that lie beside each other in the tracker, with the phases that they belong to.
_TRACKED = {
    "compile": "compile",
    "execute_program": "attach",
    "execute_prep_details": "attach",
    "execute_init_transfer_setup": "attach",
    "execute_load_request": "attach",
    "execute_send_weights": "attach",
    "execute_start_streaming": "attach",
}

_WAIT = "scheduler_wait"


class PhaseReader:
    """Reads the phase from log lines; `enter` hears of each that begins.

    `home` is the phase in which the SDK is called now. While another one runs, `clock` rests.
    """

    def __init__(self, enter: Callable[[str], None], clock: StepClock) -> None:
        self.home = "compile"
        self._enter = enter
        self._clock = clock
        self._job = "compile"
        self._away = False

    def read(self, line: str) -> None:
        """Take one line of the log."""
        phase = next((phase for begin, phase in _LINES if line.startswith(begin)), None)
        if phase is None:
            return
        if "wsjob" in line:
            self._job = "attach" if "execute" in line else "compile"
        if phase == "job":
            phase = self._job
        if phase in {HOME, self.home}:
            self.back()
        else:
            self._away = True
            self._clock.pause()
            self._enter(phase)

    def back(self) -> None:
        """Go on in the phase in which the SDK was called, where another one runs."""
        if self._away:
            self._away = False
            self._enter(self.home)
            self._clock.resume()


class LogHandler(logging.Handler):
    """Writes the SDK's log to the run's log, and has every line read."""

    def __init__(self, reader: PhaseReader) -> None:
        super().__init__(logging.INFO)
        self._reader = reader
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; of other packages only warnings."""
        ours = record.name.startswith("cerebras") or record.name == "root"
        if not ours and record.levelno < logging.WARNING:
            return
        sys.stderr.write(self.format(record) + "\n")
        self._reader.read(record.getMessage())


def listen(reader: PhaseReader) -> None:
    """Have the process's log read from INFO on: the SDK writes at the root logger's level."""
    root = logging.getLogger()
    root.addHandler(LogHandler(reader))
    root.setLevel(logging.INFO)


def tracked(path: str) -> Dict[str, float]:
    """Return the seconds of queue, compile and attach that an executor's track.json states.

    A name's figure is its sum over the whole executor wherever it stands, so each counts once, and
    not where it lies inside another that counts. Only the wait for the scheduler does: it lies in
    what was prepared, and is taken from there. Empty where the file is missing or not as expected:
    the phases are then the log's alone.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # the SDK names it by a text
            entries = list(_entries(json.load(file)))
    except (OSError, ValueError):
        return {}
    found = dict.fromkeys(("attach", "compile", "queue"), 0.0)
    for name, seconds, within in {each[0]: each for each in entries}.values():
        if name == _WAIT:
            found["queue"] = seconds
        elif name in _TRACKED and not within:
            found[_TRACKED[name]] += seconds
    waited = found["queue"] if any(each[0] == _WAIT and each[2] for each in entries) else 0.0
    for phase in ("attach", "compile"):
        taken = min(waited, found[phase])
        found[phase] -= taken
        waited -= taken
    return {phase: seconds for phase, seconds in found.items() if seconds > 0}


def _entries(tree: Any, within: Optional[str] = None) -> Iterator[Tuple[str, float, Optional[str]]]:  # noqa: ANN401  # JSON
    """Yield (name, seconds, the nearest name around it that has a phase) of every entry."""
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        if not isinstance(value, list) or len(value) != 2:
            continue
        if isinstance(value[0], (int, float)):
            yield str(name), float(value[0]), within
        yield from _entries(value[1], str(name) if name in _TRACKED else within)
