"""Live progress: one line below the cursor on a terminal, nothing elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from accelbench.lease import Holder
from accelbench.progress import Progress
from accelbench.report import progress
from accelbench.report.progress import Line, Quiet, listener, waiting_text

NAME = "alpha on cpu"


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint at every call, not five times a second."""
    monkeypatch.setattr(progress, "LEAST_SECONDS", -1.0)


@pytest.mark.usefixtures("eager")
def test_the_line_follows_phase_epoch_loss_and_rate() -> None:
    stream = io.StringIO()
    line = Line(stream)
    said = []
    for each in (
        Progress(NAME, "attach", epochs=3),
        Progress(NAME, "first_step", epochs=3),
        Progress(NAME, "steady", epoch=1, epochs=3, steps=5, samples_per_second=12345.6),
        Progress(NAME, "steady", epoch=1, epochs=3, loss=0.123456, samples_per_second=100.0),
        Progress(NAME, "evaluate", epochs=3),
    ):
        stream.truncate(0)
        stream.seek(0)
        line.progress(each)
        said.append(stream.getvalue())
    for text, expected in zip(
        said,
        [
            f"{NAME}  attach",
            f"{NAME}  first_step",
            f"{NAME}  steady  epoch 1/3  12,346 samples/s",
            f"{NAME}  steady  epoch 1/3  loss 0.1235  100 samples/s",
            f"{NAME}  evaluate  epoch 1/3  loss 0.1235",
        ],
        strict=True,
    ):
        assert text == f"\x1bD\x1b[1A\x1b7\x1b[1B\r\x1b[K{expected}\x1b8"


@pytest.mark.usefixtures("eager")
def test_a_new_run_begins_without_the_last_ones_epoch_and_loss() -> None:
    stream = io.StringIO()
    line = Line(stream)
    line.progress(Progress(NAME, "steady", epoch=3, epochs=3, loss=0.5))
    line.progress(Progress(NAME, "attach", epochs=3))
    stream.truncate(0)
    line.progress(Progress(NAME, "import", epochs=3))
    assert "epoch" not in stream.getvalue()
    assert "loss" not in stream.getvalue()


def test_the_line_is_painted_seldom_and_always_cleared() -> None:
    stream = io.StringIO()
    line = Line(stream)
    for _ in range(1000):
        line.progress(Progress(NAME, "steady", epoch=1, epochs=3))
    assert stream.getvalue().count(NAME) <= 100
    line.progress(Progress(NAME, "done"))
    assert stream.getvalue().endswith("\x1b7\x1b[1B\r\x1b[K\x1b8")


def test_waiting_is_shown_at_once_with_the_holder() -> None:
    stream = io.StringIO()
    line = Line(stream)
    line.progress(Progress(NAME, "attach"))
    line.waiting("cpu", Holder(42, "beta on cpu"))
    assert "waiting for cpu, which process 42 (beta on cpu) holds" in stream.getvalue()


def test_a_holder_that_did_not_say_who_it_is_is_another_session() -> None:
    assert waiting_text("cpu", None) == "waiting for cpu, which another session holds"


@pytest.mark.usefixtures("eager")
def test_the_capture_is_paused_around_every_painting() -> None:
    events: list[str] = []

    @contextmanager
    def pause() -> Iterator[None]:
        events.append("pause")
        yield
        events.append("resume")

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            events.append("write")
            return super().write(text)

    Line(Stream(), pause).progress(Progress(NAME, "steady"))
    assert events == ["pause", "write", "resume"]


def test_a_line_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    Line(stream).progress(Progress("w" * 300, "steady", epoch=1, epochs=3))
    assert stream.getvalue().count("w") == 59


@pytest.mark.parametrize("reporter", [None, SimpleNamespace(isatty=False), SimpleNamespace()])
def test_where_there_is_no_terminal_nothing_is_shown(reporter: object) -> None:
    quiet = listener(reporter, None)
    assert isinstance(quiet, Quiet)
    quiet.progress(Progress(NAME, "steady"))
    quiet.waiting("cpu", None)


def test_on_a_terminal_the_line_is_painted_into_pytests_own_stream() -> None:
    stream = io.StringIO()
    reporter = SimpleNamespace(isatty=True, _tw=SimpleNamespace(_file=stream))
    listener(reporter, None).waiting("cpu", None)
    assert "waiting for cpu" in stream.getvalue()
