"""What the plugin and the command line both need to know of a checkout and its host."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import accelbench
from accelbench.devices import DeviceConfig, UnknownDeviceError, kind_of

if TYPE_CHECKING:
    from accelbench.records import Pairs


WORKLOADS = "bench/workloads"
"""Where workload files lie, under a checkout that says nothing else."""


HISTORY = ".accelbench"
"""Where the history lies, under a checkout that says nothing else."""


class SettingsError(Exception):
    """A setting that does not fit; one clear line."""


@dataclass(frozen=True)
class Settings:
    """Folders and device configuration of a checkout."""

    root: Path
    workloads: Path
    baselines: Path
    data_root: Path
    devices: tuple[tuple[str, DeviceConfig], ...] = ()

    def device_config(self, device: str) -> DeviceConfig:
        """Return how a device's interpreter is started; this interpreter where nothing is said."""
        return dict(self.devices).get(device, DeviceConfig())


def default_data_root() -> Path:
    """Return ACCELBENCH_DATA, or the user's cache."""
    chosen = os.environ.get("ACCELBENCH_DATA")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("accelbench"))


def tool_tables(root: Path) -> dict[str, object]:
    """Return the tables under [tool] of a checkout's pyproject.toml; SettingsError."""
    import tomllib

    path = root / "pyproject.toml"
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # not TOML, not UTF-8, not readable
        raise SettingsError(f"{path}: {error}") from None
    return _table(path, content, "tool")


def _table(path: Path, tables: Mapping[str, object], name: str, above: str = "") -> dict[str, Any]:
    found = tables.get(name, {})
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: [{above}{name}] must be a table, not {found!r}")
    return found


def device_configs(root: Path) -> tuple[tuple[str, DeviceConfig], ...]:
    """Return the configured devices of a checkout: [tool.accelbench.device.ID]; SettingsError."""
    section = _table(root / "pyproject.toml", tool_tables(root), "accelbench", "tool.")
    tables = section.get("device", {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise SettingsError(
            f"{root / 'pyproject.toml'}: a device is configured as [tool.accelbench.device.ID]"
        )
    found = []
    for device, table in tables.items():
        try:
            kind_of(device)
            config = DeviceConfig.from_table(device, table)
            if config.options:
                from accelbench import device_options  # collecting does without it

                device_options.check(device, config)
            found.append((device, config))
        except (ValueError, UnknownDeviceError) as error:
            raise SettingsError(f"{root / 'pyproject.toml'}: {error}") from None
    return tuple(found)


def from_checkout(folder: Path) -> Settings:
    """Return, for the command line, the settings of the checkout around a folder; SettingsError."""
    root, ini = _checkout(folder)
    return Settings(
        root=root,
        workloads=root / str(ini.get("accelbench_workloads", WORKLOADS)),
        baselines=root / str(ini.get("accelbench_baselines", "baselines")),
        data_root=default_data_root(),
        devices=device_configs(root),
    )


def history_folder(folder: Path) -> Path | None:
    """Return, for the command line, where the checkout around a folder keeps its history.

    None where it is switched off; SettingsError.
    """
    root, ini = _checkout(folder)
    chosen = str(ini.get("accelbench_history", HISTORY) or "")
    return root / chosen if chosen else None


def _checkout(folder: Path) -> tuple[Path, Mapping[str, object]]:
    """Return the nearest folder, upwards, that has workloads, and what it tells pytest."""
    for root in (folder, *folder.parents):
        if any((root / name).is_file() for name in ("pyproject.toml", *_INI_SECTIONS)):
            ini = _pytest_settings(root)
            if "accelbench_workloads" in ini or (root / WORKLOADS).is_dir():
                return root, ini
    return folder, {}


_INI_SECTIONS = {"pytest.ini": "pytest", "tox.ini": "pytest", "setup.cfg": "tool:pytest"}


def _pytest_settings(root: Path) -> Mapping[str, object]:
    """Return pytest's settings of a folder: like pytest, of the first file that has any."""
    return (
        _ini_section(root, "pytest.ini")
        or _pyproject_section(root)
        or _ini_section(root, "tox.ini")
        or _ini_section(root, "setup.cfg")
    )


def _pyproject_section(root: Path) -> Mapping[str, object]:
    path = root / "pyproject.toml"
    table = _table(path, tool_tables(root), "pytest", "tool.")
    return _table(path, table, "ini_options", "tool.pytest.") or table


def _ini_section(root: Path, name: str) -> Mapping[str, object]:
    import configparser

    # Values of other tools stand there too: no interpolation, and keys without a value.
    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    try:
        parser.read_string((root / name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, configparser.Error) as error:
        raise SettingsError(f"{root / name}: {' '.join(str(error).split())}") from None
    section = _INI_SECTIONS[name]
    return dict(parser[section]) if parser.has_section(section) else {}


def session_treatment(root: Path) -> Pairs:
    """Return the treatment that the session knows: versions, commit, host.

    The host is a short digest of its name: equal hosts are told from others, and a baseline in a
    public repository names nobody's machine.
    """
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    return (
        ("accelbench", accelbench.__version__),
        ("commit", _git(root, "rev-parse", "--short=12", "HEAD") or "none"),
        ("host", f"host-{host}"),
    )


def accepted_by(root: Path) -> str:
    """Return who accepts a baseline here: git's user, else the login name."""
    name = _git(root, "config", "user.name")
    if name:
        return name
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
