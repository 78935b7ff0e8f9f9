"""accelbench data: list, fetch and locate data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from accelbench.cli._common import data_root_option, one_line_errors, settings
from accelbench.data import DataMissingError, DataSet, dataset, names, prepare
from accelbench.data.dataset import Size


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
        found = dataset(name)
        click.echo(f"{name:<13} {found.source:<12} {_state(found, root)}")


class _NotDecodedError(Exception):
    """Nothing is decoded yet of a data set that only should be listed."""


def _decode_nothing(_root: Path, _size: Size) -> NoReturn:
    raise _NotDecodedError


def _state(found: DataSet, root: Path) -> str:
    """Return how far a data set is, without decoding it: a list has to come at once."""
    try:
        files = prepare(replace(found, decode=_decode_nothing), root, found.size)
    except _NotDecodedError:
        missing = [path for path in found.parts if not (root / path).exists()]
    else:
        return f"ready, fingerprint {files.fingerprint}"
    if missing:
        how = "lay it there" if found.fetch is None else f"run `accelbench data fetch {found.name}`"
        return (
            f"not in {root} ({missing[0]} is missing): {how}, "
            "or set ACCELBENCH_DATA to where it lies"
        )
    whole = "found, not checked" if found.parts else "ready"
    return f"{whole}, not decoded yet"


@command.command()
@click.argument("name")
@data_root_option
@one_line_errors
def fetch(name: str, data_root: Path | None) -> None:
    """Download a data set, check it, and decode it."""
    root = settings(data_root).data_root
    found = _dataset(name)
    try:
        files = prepare(found, root, found.size)
    except DataMissingError:
        if found.fetch is None:
            raise
        _download(name, root)
        files = prepare(found, root, found.size)
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
    found = _dataset(name)
    click.echo(prepare(found, settings(data_root).data_root, found.size).directory)


def _dataset(name: str) -> DataSet:
    try:
        return dataset(name)
    except KeyError as error:
        raise click.ClickException(error.args[0]) from None
