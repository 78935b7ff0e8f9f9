"""The command line: one file per command, found by listing this folder."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from accelbench import __version__


class _Folder(click.Group):
    """A group whose commands are the files beside this one, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        files = Path(__file__).parent.glob("*.py")
        return sorted(file.stem for file in files if not file.stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"accelbench.cli.{cmd_name}").command
        return command


@click.command(cls=_Folder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="accelbench")
def main() -> None:
    """Train workloads on accelerators, and look at devices, data sets and baselines.

    Run it in the checkout that holds the workloads; `pytest bench -m cpu` is the main job.
    """
