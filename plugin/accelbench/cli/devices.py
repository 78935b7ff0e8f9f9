"""accelbench devices: what is there, and how each device would be started."""

from __future__ import annotations

import shlex

import click

from accelbench.cli._common import one_line_errors, settings
from accelbench.devices import Found, default_ids, kind_of
from accelbench.lease import lock_folder


@click.command()
@click.option("--explain", metavar="ID", help="Show one device: its command, what was found.")
@one_line_errors
def command(explain: str | None) -> None:
    """List the devices, and for each whether it is there."""
    configured = settings()
    if explain is not None:
        _explain(explain)
        return
    for device in default_ids():
        found = kind_of(device).find(device, configured.device_config(device))
        text = found.model if isinstance(found, Found) else f"absent: {found.reason}"
        click.echo(f"{device:<10} {text}")


def _explain(device: str) -> None:
    kind = kind_of(device)
    config = settings().device_config(device)
    found = kind.find(device, config)
    click.echo(f"device       {device}")
    click.echo(f"markers      {', '.join(kind.marks(device))}")
    click.echo(f"command      {shlex.join([*config.argv(), '-u', '-c', '<accelbench worker>'])}")
    for key, value in config.env:
        click.echo(f"environment  {key}={value}")
    if isinstance(found, Found):
        click.echo(f"found        {found.model}")
        click.echo(f"units        {', '.join(found.units)} (lock files in {lock_folder()})")
        for key, value in found.facts:
            click.echo(f"{key:<12} {value}")
    else:
        click.echo(f"missing      {found.reason}")
