"""accelbench history: list, show, export and compact the stored runs of all sessions."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from accelbench.cli._common import one_line_errors
from accelbench.settings import history_folder
from accelbench.store import StoreError, archive
from accelbench.store.archive import Choice, Format
from accelbench.store.compaction import compact as compacted
from accelbench.store.history import HistoryLine, Judged
from accelbench.store.lines import Problem
from accelbench.store.sources import listed
from accelbench.wording import counted

MANY_FILES = 100
"""Session files from which on the list recommends to compact them."""

folder_option = click.option(
    "--history",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The folder of history (default: accelbench_history of the checkout).",
)


def _time(_ctx: click.Context, _param: click.Parameter, given: str | None) -> str | None:
    """Return a day or a time as the stored ones are: in UTC, also where it has no offset."""
    if given is None:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is no day like 2026-01-31 and no time in ISO 8601"
        ) from None
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    return found.isoformat(timespec="seconds")


since_option = click.option(
    "--since", callback=_time, metavar="DAY", help="Runs from this day or time (UTC) on."
)


@click.group()
def command() -> None:
    """List, show, export and compact the stored runs of all sessions."""


@command.command("list")
@folder_option
@one_line_errors
def list_(folder: Path | None) -> None:
    """List the sessions, the latest last: runs, how many had which verdict, size."""
    place = _place(folder, needed=False)
    with _one_line():
        found, problems = archive.sessions(place)
    click.echo(
        _row("session", "day", "host", "runs", "regressed", "failed", "inconclusive", "size")
    )
    for each in found:
        counts = (each.runs, each.regressed, each.failed, each.inconclusive)
        size = _size(each.size_bytes)
        click.echo(_row(each.session_id, each.day, each.host, *map(str, counts), size))
    total = counted(sum(each.runs for each in found), "run")
    click.echo(f"{counted(len(found), 'session')}, {total} in {place}")
    files = len(listed(place)[0].raw)
    if files >= MANY_FILES:
        click.echo(f"{files} session files: `accelbench history compact` makes them quick to read")
    _show(problems)


@command.command()
@click.argument("name", metavar="SESSION|WORKLOAD")
@since_option
@folder_option
@one_line_errors
def show(name: str, since: str | None, folder: Path | None) -> None:
    """Show the runs of a session or of a workload with their readings, the newest last."""
    place = _place(folder)
    with _one_line():
        found = archive.runs(place, Choice(session=name, since=since))
        if not found.lines:
            found = archive.runs(place, Choice(workload=name, since=since))
    if not found.lines:
        when = f" since {since}" if since else ""
        raise click.ClickException(
            f"no run of a session or workload {name} in {place}{when}: `accelbench history list` "
            "shows the sessions"
        )
    for line in found.lines:
        for text in _described(line):
            click.echo(text)
    _show(found.problems)


@command.command()
@click.option("--format", "form", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl")
@click.option("-o", "--output", default="-", metavar="FILE|-", help="'-': stdout, the default.")
@click.option("--workload", metavar="NAME", help="Runs of this workload.")
@click.option("--device", metavar="ID", help="Runs on this device.")
@click.option("--metric", metavar="NAME", help="Runs with this metric; in tables, it alone.")
@since_option
@folder_option
@one_line_errors
def export(  # noqa: PLR0913,PLR0917  # one argument an option
    form: Format,
    output: str,
    workload: str | None,
    device: str | None,
    metric: str | None,
    since: str | None,
    folder: Path | None,
) -> None:
    """Write runs for other tools.

    jsonl has whole runs, without loss: put it into a folder of history, as a file *.jsonl, and it
    is one. csv and parquet are tables with a row for each metric of each run.
    """
    place = _place(folder)
    choice = Choice(workload=workload, device=device, metric=metric, since=since)
    target = Path(tempfile.gettempdir() if output == "-" else output).absolute()
    with (
        _one_line(),
        tempfile.TemporaryDirectory(
            prefix=".accelbench-", dir=target if output == "-" else target.parent
        ) as scratch,
    ):
        path = Path(scratch) / "runs"
        rows, problems = archive.export(place, choice, form, path)
        if not rows:
            raise click.ClickException(f"no run in {place} fits: nothing was written")
        if output == "-":
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        else:
            path.replace(target)
    _show(problems)


@command.command()
@click.option("--all", "everything", is_flag=True, help="Also of sessions less than a day old.")
@folder_option
@one_line_errors
def compact(everything: bool, folder: Path | None) -> None:  # noqa: FBT001  # click's signature
    """Merge the files of finished sessions into Parquet, without loss.

    Files of sessions that still run, and files with lines that cannot be read, stay as they are.
    """
    place = _place(folder, needed=False)
    with _one_line():
        done = compacted(place, everything=everything)
    if done.files:
        sizes = f"{_size(done.bytes_before)} -> {_size(done.bytes_after)}"
        click.echo(f"{counted(done.runs, 'run')} of {counted(done.files, 'file')} merged: {sizes}")
    else:
        hint = "" if everything else " (files less than a day old: --all)"
        click.echo(f"nothing to merge in {place}{hint}")
    _show(done.left)


def _place(folder: Path | None, *, needed: bool = True) -> Path:
    """Return the folder of history; one that is empty ends the command with one line."""
    place = folder if folder is not None else history_folder(Path.cwd())
    if place is None:
        raise click.ClickException("accelbench_history is empty here: give --history DIR")
    files, problems = listed(place)
    if files or problems:
        return place
    text = f"no history in {place}: every pytest session that trains adds to it"
    if needed:
        raise click.ClickException(text)
    click.echo(text)
    raise SystemExit(0)


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise click.ClickException(f"{place}{error.strerror or error}") from None


def _row(session: str, day: str, host: str, *rest: str) -> str:
    widths = (6, 9, 6, 12, 8)
    numbers = " ".join(f"{text:>{width}}" for text, width in zip(rest, widths, strict=True))
    return f"{session:<22} {day:<10} {host:<13} {numbers}"


def _described(line: HistoryLine) -> Iterator[str]:
    """Yield a run in lines: what it was, then its metrics, folded to the terminal's width."""
    spec = line.run.spec
    params = "".join(f" {name}={value}" for name, value in spec.params)
    time = line.time[:19].replace("T", " ")
    told = "" if line.expected else ", not expected"
    role = "" if line.role == "screen" else f", {line.role}"
    yield (
        f"{time} {line.session_id} {line.workload}{params} on {line.device}: {line.run.state}"
        f"{told}, seed {spec.seed}{role}"
    )
    # A metric is not broken over two lines: the spaces in it are hard ones while it is folded.
    cells = ", ".join(_cell(each).replace(" ", "\xa0") for each in line.judged)
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    for text in textwrap.wrap(cells, width - 2, break_long_words=False, break_on_hyphens=False):
        yield f"  {text}".replace("\xa0", " ")


def _cell(judged: Judged) -> str:
    reading = judged.reading
    value = "-" if reading is None else f"{'>' * reading.censored}{reading.value:.5g}"
    status = "" if judged.status == "shown" else f" {judged.status}"
    return f"{judged.metric} {value}{status}".rstrip()


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _show(problems: Sequence[Problem]) -> None:
    for problem in problems:
        click.echo(f"left out: {problem}", err=True)
