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
from accelbench.cli._common import data_root_option, one_line_errors, settings
from accelbench.declarations import Declaration
from accelbench.devices import Unavailable, kind_of
from accelbench.limits import Limits, parse_limits
from accelbench.progress import Listener
from accelbench.records import Run
from accelbench.report.progress import Line, Quiet
from accelbench.seeds import new_session_id
from accelbench.settings import Settings, session_treatment
from accelbench.store import Baselines
from accelbench.trainer import Place, Trainer, missing_framework, refused


@click.command()
@click.argument("workload")
@click.option("--device", default="cpu", show_default=True, metavar="ID", help="Device id.")
@click.option("--dataset", metavar="NAME", help="Data set (default: the smoke tier's).")
@click.option("--seed", type=click.IntRange(0), help="Seed (default: a fresh one).")
@click.option("--epochs", type=click.IntRange(1), help="Epochs (default: the smoke tier's).")
@click.option("--mode", metavar="NAME", help="How a step is run: eager, compile, graph.")
@click.option("--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A parameter.")
@click.argument("more", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "output", metavar="FILE|-", help="Write the Run as JSON ('-': stdout).")
@click.option("--run-timeout", type=float, default=3600.0, show_default=True, metavar="SECONDS")
@click.option("--stall-timeout", multiple=True, metavar="[PHASE=]SECONDS")
@data_root_option
@one_line_errors
def command(  # noqa: PLR0913,PLR0917  # one argument an option
    workload: str,
    device: str,
    dataset: str | None,
    seed: int | None,
    epochs: int | None,
    mode: str | None,
    assignments: tuple[str, ...],
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
    cell = declaration.cell("smoke", dataset=dataset, epochs=epochs, mode=mode, params=params)
    limits = _limits(run_timeout, stall_timeout)
    place = _place(configured, declaration, device)
    refusal = refused(declaration, cell, place)
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
            stored = Baselines(configured.baselines).seeds(declaration.name)
            seed = trainer.seed("accelbench run", 0, stored)
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


def _place(configured: Settings, declaration: Declaration, device: str) -> Place:
    """Return the device to train on, with all that this interpreter can tell that it needs."""
    config = configured.device_config(device)
    found = kind_of(device).find(device, config)
    if isinstance(found, Unavailable):
        raise click.ClickException(f"{device}: {found.reason}")
    missing = missing_framework(declaration, config)
    if missing:
        raise click.ClickException(missing)
    return Place(found, config)


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
    parts.append(f"{run.phases.wall_seconds:.1f} s")
    return ", ".join(parts)
