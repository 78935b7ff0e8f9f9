"""What commands share: settings of the checkout, and errors as one clear line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from accelbench.data import DataDamagedError, DataMissingError
from accelbench.declarations import DeclarationError
from accelbench.devices import UnknownDeviceError
from accelbench.lease import LeaseError
from accelbench.settings import Settings, SettingsError, from_checkout

P = ParamSpec("P")
R = TypeVar("R")

_EXPECTED = (
    DataDamagedError,
    DataMissingError,
    DeclarationError,
    LeaseError,
    SettingsError,
    UnknownDeviceError,
)


def one_line_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Show what may be expected to go wrong as one line, exit status 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _EXPECTED as error:
            raise click.ClickException(str(error)) from None

    return wrapped


def settings(data_root: Path | None = None) -> Settings:
    """Return the settings of the checkout around the working folder."""
    found = from_checkout(Path.cwd())
    return found if data_root is None else replace(found, data_root=data_root)


data_root_option = click.option(
    "--data-root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where data sets lie (default: ACCELBENCH_DATA, or the user's cache).",
)
