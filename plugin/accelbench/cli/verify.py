"""accelbench verify: the proof suite, on simulated nights with known answers."""

from __future__ import annotations

import os
from pathlib import Path

import click

from accelbench.verify import bench, figure, suite, table
from accelbench.verify.bench import FULL, QUICK, Row, Size

BEGIN, END = "<!-- accelbench verify: begin -->", "<!-- accelbench verify: end -->"
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--quick", is_flag=True, help="A small size, under two minutes: it can only refute.")
@click.option("--bench", "chosen", multiple=True, metavar="V1", help="Only this one (repeatable).")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Another seed draws other nights.",
)
@click.option("--jobs", type=click.IntRange(1), help="Processes (default: the cores at hand).")
@click.option("--results", type=FILE, help="JSON lines of results: resumed, and added to.")
@click.option("--markdown", type=FILE, help="Write the whole table there.")
@click.option("--figure", "drawing", type=FILE, help="Write the figure there, as SVG.")
@click.option(
    "--readme", type=FILE, help=f"Write the short table there, between {BEGIN} and {END}."
)
def command(  # noqa: PLR0913, PLR0917  # what can be chosen
    quick: bool,  # noqa: FBT001  # a flag
    chosen: tuple[str, ...],
    seed: int,
    jobs: int | None,
    results: Path | None,
    markdown: Path | None,
    drawing: Path | None,
    readme: Path | None,
) -> None:
    """Prove the judge: false alarms, sensitivity, cost, collapses, drift, and peers' rules.

    The full size takes hours of one core; with --results it can be stopped and resumed. Exit status
    1 where a target is missed.
    """
    size = QUICK if quick else FULL
    names = _names(chosen)
    rows = _rows(names, size, seed, jobs or len(os.sched_getaffinity(0)), results)
    for line in table.table(rows):
        click.echo(line)
    options = [*(f"--bench {each}" for each in chosen), *(["--quick"] if quick else [])]
    if seed:
        options.append(f"--seed {seed}")
    made_by = " ".join(["accelbench verify", *options])
    _written(markdown, table.document(rows, size, seed, made_by))
    if readme is not None:
        _put(readme, table.short(rows))
    if drawing is not None:
        try:
            figure.draw(rows, drawing)
        except (ImportError, OSError) as error:
            raise click.ClickException(str(error)) from None
    missed = [row for row in rows if row.met is False]
    if missed:
        click.echo(f"{len(missed)} targets missed", err=True)
        raise SystemExit(1)


def _names(chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Return the benches that are meant: V1 for v1_false_alarms."""
    known = {name.partition("_")[0].upper(): name for name in bench.benches()}
    unknown = [each for each in chosen if each.upper() not in known]
    if unknown:
        raise click.ClickException(f"unknown bench {unknown[0]!r}; known: {', '.join(known)}")
    wanted = [each.upper() for each in chosen]
    return tuple(name for short, name in known.items() if not wanted or short in wanted)


def _rows(
    names: tuple[str, ...], size: Size, seed: int, jobs: int, results: Path | None
) -> list[Row]:
    """Return all rows, in the order of the tasks, whoever came first."""
    order = [f"{task.bench}/{task.name}" for task in bench.tasks(names)]
    found: dict[str, tuple[Row, ...]] = {}
    try:
        for result, left in suite.run(names, size, seed, jobs, results):
            found[result.task] = result.rows
            click.echo(f"{result.task}: done, {left} left", err=True)
    except (suite.ResultsError, OSError) as error:
        raise click.ClickException(str(error)) from None
    return [row for label in order for row in found[label]]


def _written(path: Path | None, text: str) -> None:
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


def _put(path: Path, text: str) -> None:
    """Replace what stands between the two marks of a document."""
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from None
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise click.ClickException(f"{path} has no place for the table: {BEGIN} ... {END}")
    _written(path, f"{before}{BEGIN}\n{text}{END}{after}")
