"""accelbench baselines: list, explain and check the stored reference runs."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, stdev

import click

from accelbench import metrics, workload_files
from accelbench.cli._common import one_line_errors, settings
from accelbench.declarations import DeclarationError
from accelbench.records import Reading
from accelbench.store import Baselines, Line, platform_of
from accelbench.store.identity import Key
from accelbench.verdict.judge import LEAST_REFERENCES


@click.group()
def command() -> None:
    """List, explain and check the stored reference runs."""


@command.command("list")
@one_line_errors
def list_() -> None:
    """List what has reference runs: how many, of how many sessions."""
    baselines = _baselines()
    for path, key, lines in baselines.references():
        sessions = len({line.run.provenance.session_id for line in lines})
        place = path.relative_to(baselines.folder)
        old = " (older version of the file)" if _outdated(key) else ""
        click.echo(f"{place}: {name_of(key)}: {len(lines)} runs in {sessions} sessions{old}")
    _show_problems(baselines)


@command.command()
@click.argument("workload")
@one_line_errors
def explain(workload: str) -> None:
    """Show every reference of WORKLOAD: runs, metrics, who accepted them and why."""
    workload_files.find(settings().workloads, workload)
    baselines = _baselines()
    shown = False
    for path, key, lines in baselines.references():
        if key.workload == workload:
            shown = True
            click.echo(f"{path.relative_to(baselines.folder)}: {name_of(key)}")
            for text in _explained(path.stem == "portable", lines):
                click.echo(f"  {text}")
    if not shown:
        raise click.ClickException(
            f"{workload} has no reference runs: pytest bench -m cpu -k {workload} "
            "--update-baselines --seeds 12 records them"
        )
    _show_problems(baselines)


@command.command()
@one_line_errors
def lint() -> None:
    """Check all baseline files; exit status 1 where a line does not count or cannot be used."""
    baselines = _baselines()
    keys = list(baselines.references())
    problems = [str(problem) for problem in baselines.problems]
    current = {(path, key.apart_from_workload()) for path, key, _ in keys if not _outdated(key)}
    for path, key, lines in keys:
        if _outdated(key) and (path, key.apart_from_workload()) in current:
            continue  # kept as history: nothing is judged by it any more
        problems += [f"{path}: {name_of(key)}: {text}" for text in _faults(path.stem, key, lines)]
    for text in problems:
        click.echo(text)
    click.echo(f"{len(baselines.paths())} files, {len(keys)} references, {len(problems)} problems")
    if problems:
        raise SystemExit(1)


def _faults(stem: str, key: Key, lines: list[Line]) -> Iterator[str]:
    """Yield what makes a reference useless although its lines can be read."""
    try:
        declaration = workload_files.find(settings().workloads, key.workload)
    except DeclarationError as error:
        yield str(error)
        return
    seeds = [line.run.spec.seed for line in lines]
    if len(set(seeds)) != len(seeds):
        yield "two runs share a seed: they are one draw, not two"
    exact = declaration.exact_digits is not None
    if len(lines) < LEAST_REFERENCES and not exact:
        yield f"{len(lines)} runs; {LEAST_REFERENCES} are needed to judge"
    if _outdated(key):
        yield "recorded with another version of the workload file: --update-baselines records anew"
    misplaced = [line for line in lines if stem not in {"portable", platform_of(line.run)}]
    if misplaced:
        yield f"{len(misplaced)} runs belong to the file {platform_of(misplaced[0].run)}.jsonl"


def _outdated(key: Key) -> bool:
    """Tell whether a reference is of an older version of a workload file that can be read."""
    try:
        declaration = workload_files.find(settings().workloads, key.workload)
    except DeclarationError:
        return False
    return not key.workload_fingerprint.startswith(declaration.fingerprint)


def _baselines() -> Baselines:
    return Baselines(settings().baselines)


def _show_problems(baselines: Baselines) -> None:
    for problem in baselines.problems:
        click.echo(f"left out: {problem}", err=True)


def name_of(key: Key) -> str:
    """Return a key as one line: what was set, data set, epochs, series."""
    params = " ".join(f"{name}={value}" for name, value in key.params)
    place = f" on {key.device}" if key.device else ""
    text = f"{key.workload} {params}".strip()
    return f"{text}{place}, {key.dataset}, {key.epochs} epochs, {key.series}"


def _explained(portable: bool, lines: list[Line]) -> Iterator[str]:  # noqa: FBT001  # which file it is
    for name in metrics.names():
        metric = metrics.metric(name)
        if (metric.scope == "portable") == portable:
            readings = [r for r in (metric.read(line.run) for line in lines) if r is not None]
            if readings:
                yield f"{name:<22} {_spread(readings)} {metric.unit}".rstrip()
    for reason in dict.fromkeys((line.accepted_by, line.reason, line.segment) for line in lines):
        yield f"accepted by {reason[0]}: {reason[1]} (segment {reason[2]})"


def _spread(readings: list[Reading]) -> str:
    values = [reading.value for reading in readings]
    if len(values) == 1:
        return f"{values[0]:.6g} (1 run)"
    low, high = min(values), max(values)
    return (
        f"{fmean(values):.6g} +- {stdev(values):.2g} ({len(values)} runs, {low:.6g} to {high:.6g})"
    )
