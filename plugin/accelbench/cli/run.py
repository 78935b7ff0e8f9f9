"""accelbench run: one run, as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from accelbench import codec, workload_files
from accelbench.allocation import Estimates
from accelbench.cli._common import data_root_option, one_line_errors, settings
from accelbench.declarations import Cell, Declaration
from accelbench.device_options import option_lines, with_given
from accelbench.devices import Unavailable, kind_of
from accelbench.limits import Limits, parse_limits
from accelbench.progress import Listener
from accelbench.records import COMPLETED, Run
from accelbench.report.progress import Line, Quiet
from accelbench.seeds import new_session_id
from accelbench.settings import Settings, session_treatment
from accelbench.store import Baselines
from accelbench.tiers import TIERS
from accelbench.trainer import Place, Trainer, missing_framework, refused
from accelbench.ways import way_on


@click.command()
@click.argument("workload")
@click.option("--device", default="cpu", show_default=True, metavar="ID", help="Device id.")
@click.option(
    "--tier",
    type=click.Choice(TIERS),
    default="smoke",
    show_default=True,
    help="What is not said below comes from the workload's first cell of this tier.",
)
@click.option("--dataset", metavar="NAME", help="Data set (default: the tier's).")
@click.option("--seed", type=click.IntRange(0), help="Seed (default: a fresh one).")
@click.option("--epochs", type=click.IntRange(1), help="Epochs (default: the tier's).")
@click.option("--mode", metavar="NAME", help="How a step is run: eager, compile, graph.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A parameter.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the device's SDK, before what pyproject.toml says (repeatable).",
)
@click.argument("more", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "output", metavar="FILE|-", help="Write the Run as JSON ('-': stdout).")
@click.option("--run-timeout", type=float, default=3600.0, show_default=True, metavar="SECONDS")
@click.option("--stall-timeout", multiple=True, metavar="[PHASE=]SECONDS")
@data_root_option
@one_line_errors
def command(  # noqa: PLR0913,PLR0917  # one argument an option
    workload: str,
    device: str,
    tier: str,
    dataset: str | None,
    seed: int | None,
    epochs: int | None,
    mode: str | None,
    assignments: tuple[str, ...],
    options: tuple[str, ...],
    more: tuple[str, ...],
    output: str | None,
    run_timeout: float,
    stall_timeout: tuple[str, ...],
    data_root: Path | None,
) -> None:
    """Train WORKLOAD once and print what came of it; further KEY=VALUE may follow --set.

    Exit status 0 for a training that completed or diverged, 1 for any other end.
    """
    _refuse_unwritable(output)
    configured = settings(data_root)
    declaration = workload_files.find(configured.workloads, workload)
    params = declaration.parsed(_values((*assignments, *more)))
    _refuse_empty(declaration, tier)
    cell = declaration.cell(tier, dataset=dataset, epochs=epochs, mode=mode, params=params)
    limits = _limits(run_timeout, stall_timeout)
    place = _place(configured, declaration, device, options)
    stored = Baselines(configured.baselines)
    refusal = refused(declaration, cell, place) or Estimates(stored).refusal(cell, place.device)
    if refusal is not None:
        raise click.ClickException(refusal)
    with tempfile.TemporaryDirectory(prefix="accelbench-") as logs:
        trainer = Trainer(
            session_id=new_session_id(),
            data_root=configured.data_root,
            limits=limits,
            treatment=session_treatment(configured.root),
            logs=Path(logs),
            listener=_listener(),
        )
        if seed is None:
            seed = trainer.seed("accelbench run", 0, stored.seeds(declaration.name))
        _tell(declaration, cell, place, seed, to_stderr=output == "-")
        run = trainer.run(declaration, cell, place, seed)
    _print(run, output)


def _values(assignments: Sequence[str]) -> dict[str, str]:
    values = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals:
            raise click.ClickException(f"{text}: KEY=VALUE is expected")
        values[key] = value
    return values


def _limits(run_timeout: float, stall_timeouts: Sequence[str]) -> Limits:
    try:
        return parse_limits(run_timeout, stall_timeouts)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _listener() -> Listener:
    return Line(sys.stderr) if sys.stderr.isatty() else Quiet()


def _refuse_empty(declaration: Declaration, tier: str) -> None:
    """Refuse a tier that a workload lacks; without any tier it trains on the data that it has."""
    if tier != "smoke" and not declaration.cells(tier):
        there = ", ".join(name for name, cells in declaration.tiers if cells) or "none"
        raise click.ClickException(
            f"workload {declaration.name} has no cell in the {tier} tier; it has: {there}"
        )


def _place(
    configured: Settings, declaration: Declaration, device: str, options: Sequence[str]
) -> Place:
    """Return the device to train on, with all that this interpreter can tell that it needs."""
    config = configured.device_config(device)
    found = kind_of(device).find(device, config)
    if isinstance(found, Unavailable):
        raise click.ClickException(f"{device}: {found.reason}")
    missing = missing_framework(declaration, config)
    if missing:
        raise click.ClickException(missing)
    try:
        config = with_given(config, way_on(declaration.trained_by, found.platform), options)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return Place(found, config)


def _tell(
    declaration: Declaration, cell: Cell, place: Place, seed: int, *, to_stderr: bool
) -> None:
    """Print, where an SDK trains, all that it is given, before hours of it: defaults as well."""
    way = way_on(declaration.trained_by, place.device.platform)
    if not way.of:
        return
    params = {**dict(declaration.defaults), **dict(cell.params)}
    lines = [f"{declaration.name} on {place.device.device}, {place.device.model}, by {way.name}"]
    lines += [f"  data set   {cell.dataset}", f"  epochs     {cell.epochs}", f"  seed       {seed}"]
    lines += [f"  parameter  {line}" for line in option_lines(tuple(params.items()), cell.params)]
    effective = way.options(place.config.options)
    lines += [f"  option     {line}" for line in option_lines(effective, place.config.options)]
    click.echo("\n".join(lines), err=to_stderr)


def _refuse_unwritable(output: str | None) -> None:
    """Say before the training, not after it, that its result has no place to go."""
    if output is None or output == "-":
        return
    path = Path(output)
    place = path if path.exists() else path.parent
    if path.is_dir() or not (path.exists() or place.is_dir()) or not os.access(place, os.W_OK):
        raise click.ClickException(f"cannot write {path}: give --json a file that can be written")


def _print(run: Run, output: str | None) -> None:
    text = json.dumps(codec.to_json(run), indent=2, allow_nan=False)
    click.echo(text if output == "-" else described(run))
    if run.message:
        click.echo(run.message, err=True)
    if output is not None and output != "-":
        try:
            Path(output).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write {output}: {error.strerror}") from None
    if run.state.name not in {"completed", "diverged"}:
        raise SystemExit(1)


def described(run: Run) -> str:
    """Return a run's outcome in one line."""
    parts = [f"{run.spec.workload} on {run.spec.device}: {run.state}, seed {run.spec.seed}"]
    if run.evaluation is not None:
        if run.evaluation.accuracy is not None:
            parts.append(f"accuracy {run.evaluation.accuracy:.4f}")
        parts.append(f"loss {run.evaluation.loss:#.6g}")
    elif run.state == COMPLETED:
        parts.append("nothing was trained: the device only checks")
    treatment = dict(run.provenance.treatment)
    if "device_iterations" in treatment:
        parts.append(f"{treatment['device_iterations']} steps a call")
    parts.append(f"{run.phases.wall_seconds:.1f} s")
    return ", ".join(parts)
