"""accelbench devices: what is there, and how each device would be started."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click

from accelbench.cli._common import one_line_errors, settings
from accelbench.device_options import option_lines, sdk_ways
from accelbench.devices import DeviceConfig, Found, default_ids, kind_of
from accelbench.devices.elsewhere import replicas
from accelbench.lease import lock_folder
from accelbench.workers.watchdog import RUN_VARIABLE


@click.command()
@click.option(
    "--explain", metavar="ID", help="Show one device: its command and options, what was found."
)
@one_line_errors
def command(explain: str | None) -> None:
    """List the devices, and for each whether it is there.

    Beside those on offer by default: those that pyproject.toml configures, such as xpu-2, hpu-8,
    npu-1, mlu-1, musa-1 or mps, which torch in the device's interpreter is asked for.
    """
    configured = settings()
    if explain is not None:
        _explain(explain)
        return
    ids = default_ids()
    for device in (*ids, *(name for name, _ in configured.devices if name not in ids)):
        found = kind_of(device).find(device, configured.device_config(device))
        text = found.model if isinstance(found, Found) else f"absent: {found.reason}"
        click.echo(f"{device:<14} {text}")


def _explain(device: str) -> None:
    kind = kind_of(device)
    config = settings().device_config(device)
    found = kind.find(device, config)
    click.echo(f"device       {device}")
    click.echo(f"markers      {', '.join(kind.marks(device))}")
    # An SDK that makes the replicas itself has one process for all of them.
    worlds = [way.world(replicas(device)) for way in sdk_ways(device)]
    _explain_commands(config, max(worlds, default=replicas(device)))
    _explain_options(device, config)
    if isinstance(found, Found):
        explain_found(found)
    else:
        click.echo(f"missing      {found.reason}")


def _explain_options(device: str, config: DeviceConfig) -> None:
    """Show what the device's SDK will be given: every option, those that nobody set as well."""
    for way in sdk_ways(device):
        click.echo(f"trained by   {way.name}, what is declared for {way.of}")
        for line in option_lines(way.options(config.options), config.options):
            click.echo(f"option       {line}")


def explain_found(found: Found) -> None:
    """Print what was found of a device."""
    click.echo(f"found        {found.model}")
    click.echo(f"units        {', '.join(found.units)} (lock files in {lock_folder()})")
    if not found.measures:
        click.echo("measures     nothing: it checks that a training compiles")
    if found.cancel:
        click.echo(f"cancelled by {shlex.join(_brief(found.cancel))}")
    for key, value in found.facts:
        click.echo(f"{key:<12} {value}")


def _brief(command: Sequence[str]) -> list[str]:
    """Return a command with a name in place of a program that it brings along as text.

    Our programs begin with what they are for; ssh takes the whole command as one word.
    """
    told = []
    for word in command:
        if word.startswith('"""'):
            told.append("<accelbench cancel>")
        else:
            told.append(shlex.join(_brief(shlex.split(word))) if '"""' in word else word)
    return told


def _explain_commands(config: DeviceConfig, world: int) -> None:
    """Show how each rank is started, with the host it is on; equal commands are shown once."""
    shown: dict[str, list[int]] = {}
    for rank in range(world):
        env = config.environment(rank, world)
        interpreter = config.interpreter(rank, world)
        line = interpreter.line(("-u", "-c", "<accelbench worker>"), {**env, RUN_VARIABLE: "<run>"})
        told = [f"host         {interpreter.host}"] if interpreter.host else []
        told += [f"command      {shlex.join(line)}"]
        told += [f"environment  {key}={value}" for key, value in env.items()]
        shown.setdefault("\n".join(told), []).append(rank)
    for text, ranks in shown.items():
        if len(shown) > 1:
            click.echo(f"ranks        {', '.join(map(str, ranks))}")
        click.echo(text)
