"""accelbench judge: verdicts on runs made elsewhere, verdicts again, and convergence points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from accelbench import codec, metrics
from accelbench.cases import Judgement
from accelbench.cli import _judge_show as show
from accelbench.cli._common import one_line_errors, settings
from accelbench.levels import ALPHA_NIGHT, SCREEN_LEVEL
from accelbench.offline import asked, beside, convergence, judging, points, reading, replay
from accelbench.offline.asked import Asked
from accelbench.offline.stored import Memory
from accelbench.records import Verdict
from accelbench.store.baselines import SCOPES
from accelbench.store.identity import key_of
from accelbench.store.past import History
from accelbench.verdict import RED, JudgeOptions, statuses
from accelbench.verdict.evidence import METHODS, UNPAIRED
from accelbench.wording import counted

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
FILE_OR_FOLDER = click.Path(path_type=Path, exists=True)
OPEN = frozenset({statuses.MORE, statuses.INCONCLUSIVE, statuses.BLIND, statuses.NEW})
"""What --strict adds to the statuses that fail."""


@click.command()
@click.argument(
    "runs", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True, allow_dash=True)
)
@click.option(
    "--baseline",
    multiple=True,
    type=FILE_OR_FOLDER,
    help="File or folder of reference runs (default: the checkout's baselines).",
)
@click.option("--history", type=FOLDER, help="Folder of history, for the screen.")
@click.option("--metric", multiple=True, help="A metric to judge (default: the gated ones).")
@click.option("--method", type=click.Choice(METHODS), default=UNPAIRED, show_default=True)
@click.option(
    "--base", multiple=True, type=FILE, metavar="RUNS", help="The base sides of pairs, in order."
)
@click.option(
    "--screen",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=SCREEN_LEVEL,
    show_default=True,
    help="Level at which a first run is suspected.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=ALPHA_NIGHT,
    show_default=True,
    help="Rate of false alarms over all that is judged.",
)
@click.option("--gates", type=click.IntRange(1), help="Gated metrics (default: those judged).")
@click.option("--floor", multiple=True, metavar="METRIC=VALUE[:strict]", help="Absolute limit.")
@click.option(
    "--smallest-effect", multiple=True, metavar="METRIC=VALUE", help="Smallest change that matters."
)
@click.option(
    "--chance",
    type=click.FloatRange(0, 1, max_open=True),
    help="Accuracy of guessing (default: the data set's).",
)
@click.option("--json", "output", metavar="FILE|-", help="Write the judgements as JSON lines.")
@click.option("--strict", is_flag=True, help="Fail for inconclusive, blind and new, too.")
@click.option(
    "--replay",
    "replayed",
    type=FILE,
    help="Judge again what --json or a session's history wrote, and compare.",
)
@click.option("--about", metavar="TEXT", default="", help="With --replay: only what names TEXT.")
@click.option(
    "--convergence", "new_points", type=FILE, help="MLPerf convergence points, with --reference."
)
@click.option("--reference", type=FILE, help="Reference convergence points (RCP checker's layout).")
@one_line_errors
def command(  # noqa: PLR0913,PLR0917  # one argument an option
    runs: tuple[Path, ...],
    baseline: tuple[Path, ...],
    history: Path | None,
    metric: tuple[str, ...],
    method: str,
    base: tuple[Path, ...],
    screen: float,
    alpha: float,
    gates: int | None,
    floor: tuple[str, ...],
    smallest_effect: tuple[str, ...],
    chance: float | None,
    output: str | None,
    strict: bool,  # noqa: FBT001  # click passes options by name
    replayed: Path | None,
    about: str,
    new_points: Path | None,
    reference: Path | None,
) -> None:
    """Judge RUNS that were made elsewhere; of each cell the first one is screened.

    RUNS are Runs as JSON, one or a list or one a line, or lines of a baseline or a history; `-`
    reads the standard input. With --replay, judge again what --json wrote; with --convergence,
    judge MLPerf's convergence points. Exit status 1 for regressed or failed, or a difference.
    """
    if sum(map(bool, (runs, replayed, new_points))) != 1:
        raise click.UsageError("give either RUNS, or --replay FILE, or --convergence FILE")
    if bool(new_points) != bool(reference):
        raise click.UsageError("--convergence and --reference belong together")
    if bool(base) != (method != UNPAIRED):
        raise click.UsageError("--base RUNS belongs to --method paired(code) or paired(stack)")
    if replayed is not None:
        _replay(replayed, about)
        return
    with _usage():
        how = Asked(
            settings().workloads,
            _known(metric),
            screen,
            alpha,
            gates,
            method,
            tuple(asked.floor(text) for text in floor),
            tuple(asked.smallest_effect(text) for text in smallest_effect),
            chance,
        )
    if new_points is not None and reference is not None:
        compared = _compared(new_points, reference, how.options(convergence.METRIC, 1))
        _write([compared.judgement], output)
        for line in beside.told(compared):
            click.echo(line, err=output == "-")
        _end([compared.judgement.verdict], strict=strict)
        return
    _judge(_Places(runs, base, baseline, history), how, output, strict=strict)


@contextmanager
def _usage() -> Iterator[None]:
    """Turn what an option's text says wrongly into a usage error, exit status 2."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _known(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in metrics.names():
            raise ValueError(f"unknown metric {name!r}; known: {', '.join(metrics.names())}")
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class _Places:
    """Where the runs lie, their base sides, and what they are judged against."""

    runs: tuple[Path, ...]
    base: tuple[Path, ...]
    baselines: tuple[Path, ...]
    history: Path | None


def _judge(places: _Places, how: Asked, output: str | None, *, strict: bool) -> None:
    """Judge runs, show and write the verdicts, and end with their exit status."""
    read, base = reading.read(places.runs), reading.read(places.base)
    if not read.runs:
        show.problems(read.problems)
        raise click.ClickException(f"{', '.join(map(str, places.runs))}: no run can be read")
    digests = {key_of(run, scope).digest for run in read.runs for scope in SCOPES}
    memory = Memory.of(
        places.baselines or (settings().baselines,),
        History(places.history, keys=digests),
        read.runs,
    )
    found = judging.judged(read.runs, base.runs, memory, how)
    show.problems([*read.problems, *base.problems, *memory.problems])
    made = [each.judgement for each in found.findings if each.judgement is not None]
    _write(made, output)
    show.findings(found, err=output == "-")
    _end([finding.verdict for finding in found.findings], strict=strict)


def _end(verdicts: Sequence[Verdict], *, strict: bool) -> None:
    """End with exit status 1 where a verdict fails."""
    if {verdict.status for verdict in verdicts} & (RED | OPEN if strict else RED):
        raise SystemExit(1)


def _write(made: Sequence[Judgement], output: str | None) -> None:
    """Write judgements as JSON lines: each can be replayed."""
    if output is None:
        return
    text = "".join(codec.dumps(judgement) + "\n" for judgement in made)
    if output == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from None


def _replay(path: Path, about: str) -> None:
    """Judge again, and end with exit status 1 where anything differs or could not be judged."""
    result = replay.replay(path, about)
    show.problems(result.problems)
    for judgement in result.judgements:
        if about or judgement.verdict.status != statuses.PASSED:
            click.echo(replay.told(judgement))
    for difference in result.differences:
        click.echo(str(difference))
    places = len({difference.place for difference in result.differences})
    verdicts = counted(result.count, "verdict")
    click.echo(f"{verdicts} replayed, {f'{places} differ' if places else 'all equal'}")
    if result.differences or result.problems or not result.count:
        raise SystemExit(1)


def _compared(new: Path, reference: Path, options: JudgeOptions) -> convergence.Compared:
    """Return both verdicts on convergence points."""
    try:
        made = points.read_points(new)
        stored = points.read_reference(reference, made.batch_size)
        return convergence.compared(made, stored, options)
    except points.ConvergenceError as error:
        raise click.ClickException(str(error)) from None
