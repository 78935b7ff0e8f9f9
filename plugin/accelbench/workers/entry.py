"""A worker's one task: take a job from the channel, train it, report, end."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from array import array
from types import FrameType
from typing import Any, Optional

from accelbench import codec
from accelbench.records import Epoch, Job
from accelbench.workers.clock import PhaseClock
from accelbench.workers.loop import Progress
from accelbench.workers.meeting import Meeting
from accelbench.workers.task import Reporting, perform


def serve(channel: Any) -> None:  # noqa: ANN401  # execnet has no types
    """Do the one job that `channel` brings; every way to end is reported on it.

    Messages, builtin types only: ("phase", name), ("step", epoch, steps, batch size, where),
    ("epoch", json), ("result", json, phase seconds, data, compute, losses as bytes of doubles),
    ("failure", text, the run's state or ""), and of the first of several ranks
    ("rendezvous", host, port).
    """
    text = channel.receive()
    sender = Sender(channel)
    clock = PhaseClock(lambda phase: sender.send("phase", phase))
    progress = Progress()

    def finished(epoch: Epoch) -> None:
        sender.send("epoch", codec.dumps(epoch))

    try:
        job = codec.loads(Job, text)
        sender.beat(job.heartbeat_seconds, progress)
        meeting = Meeting(channel, sender.send)
        result, recording = perform(job, Reporting(clock, progress, finished, meeting))
    except BaseException as error:  # whatever it was, the session must hear of it
        sender.send("failure", _describe(error), str(getattr(error, "run_state", "")))
        return
    sender.send(
        "result",
        codec.dumps(result),
        dict(clock.seconds),
        *(
            array("d", numbers).tobytes()
            for numbers in (recording.data_seconds, recording.compute_seconds, recording.losses)
        ),
    )


class Sender:
    """Sends messages from the worker's threads, one at a time."""

    def __init__(self, channel: Any) -> None:  # noqa: ANN401  # execnet sends its own source
        self._channel = channel
        self._lock = threading.Lock()

    def send(self, kind: str, *content: object) -> None:
        """Send one message; a session that is gone is no error here: the watchdog acts."""
        with self._lock:
            try:
                self._channel.send((kind, *content))
            except OSError:
                return

    def beat(self, seconds: float, progress: Progress) -> None:
        """Tell of the steps done, every `seconds`, from a thread that ends with the process.

        Where no step was done since the last time, it tells where the calling thread is.
        """
        wait, training = threading.Event().wait, threading.get_ident()

        def tell() -> None:
            last = -1
            while not wait(seconds):
                steps = progress.steps
                frame = sys._current_frames().get(training) if steps == last else None
                self.send("step", progress.epoch, steps, progress.batch_size, whereabouts(frame))
                last = steps

        threading.Thread(target=tell, daemon=True).start()


def whereabouts(frame: Optional[FrameType]) -> str:
    """Return where a thread is, as "loss (mnist_cnn.py:71)": the innermost function; "" unknown."""
    if frame is None:
        return ""
    code = frame.f_code
    return f"{code.co_name} ({os.path.basename(code.co_filename)}:{frame.f_lineno})"  # noqa: PTH119  # a frozen module's is no path


def _describe(error: BaseException) -> str:
    """Return what was raised, in one line, and below it the traceback."""
    kind = type(error)
    first = traceback.format_exception_only(kind, error)[-1].strip()
    return (
        first
        + "\n"
        + "".join(traceback.format_exception(kind, error, error.__traceback__)).rstrip()
    )
