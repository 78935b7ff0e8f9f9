"""accelbench data: list, fetch and locate data sets."""

from __future__ import annotations

from pathlib import Path

import click

from accelbench.cli._common import data_root_option, one_line_errors, settings
from accelbench.data import DataDamagedError, DataMissingError, DataSet, dataset, names, prepare

SIZE = (28, 28)


@click.group()
def command() -> None:
    """List, fetch and locate data sets."""


@command.command("list")
@data_root_option
@one_line_errors
def list_(data_root: Path | None) -> None:
    """List the data sets, and for each whether it is ready."""
    root = settings(data_root).data_root
    for name in names():
        try:
            files = prepare(dataset(name), root, SIZE)
            state = f"ready, fingerprint {files.fingerprint}"
        except (DataMissingError, DataDamagedError) as error:
            state = str(error)
        click.echo(f"{name:<10} {dataset(name).source:<12} {state}")


@command.command()
@click.argument("name")
@data_root_option
@one_line_errors
def fetch(name: str, data_root: Path | None) -> None:
    """Download a data set, check it, and decode it."""
    root = settings(data_root).data_root
    found = _dataset(name)
    try:
        files = prepare(found, root, SIZE)
    except DataMissingError:
        if found.fetch is None:
            raise
        _download(name, root)
        files = prepare(found, root, SIZE)
    click.echo(f"{name} is ready in {files.directory} (fingerprint {files.fingerprint})")


def _download(name: str, root: Path) -> None:
    fetch_ = dataset(name).fetch
    try:
        root.mkdir(parents=True, exist_ok=True)
        if fetch_ is not None:
            fetch_(root)
    except ImportError as error:
        raise click.ClickException(
            f"fetching {name} needs {error.name}: pip install 'pytest-accelbench[torch]'"
        ) from None
    except (OSError, RuntimeError) as error:
        raise click.ClickException(
            f"{name} could not be downloaded into {root} ({_first_line(error)}); offline, copy its "
            "files there and set ACCELBENCH_DATA"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


@command.command()
@click.argument("name")
@data_root_option
@one_line_errors
def path(name: str, data_root: Path | None) -> None:
    """Print the folder of a data set's decoded files."""
    click.echo(prepare(_dataset(name), settings(data_root).data_root, SIZE).directory)


def _dataset(name: str) -> DataSet:
    try:
        return dataset(name)
    except KeyError as error:
        raise click.ClickException(error.args[0]) from None
