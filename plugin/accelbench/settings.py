"""What the plugin and the command line both need to know of a checkout and its host."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import accelbench
from accelbench.devices import DeviceConfig, UnknownDeviceError, kind_of

if TYPE_CHECKING:
    from accelbench.records import Pairs


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


def pyproject(root: Path) -> dict[str, object]:
    """Return the tables under [tool] of a checkout's pyproject.toml; SettingsError."""
    import tomllib

    try:
        with (root / "pyproject.toml").open("rb") as file:
            tool = tomllib.load(file).get("tool", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # not TOML, not UTF-8, not readable
        raise SettingsError(f"{root / 'pyproject.toml'}: {error}") from None
    return tool if isinstance(tool, dict) else {}


def device_configs(root: Path) -> tuple[tuple[str, DeviceConfig], ...]:
    """Return the configured devices of a checkout: [tool.accelbench.device.ID]; SettingsError."""
    section = pyproject(root).get("accelbench", {})
    tables = section.get("device", {}) if isinstance(section, dict) else {}
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise SettingsError(
            f"{root / 'pyproject.toml'}: a device is configured as [tool.accelbench.device.ID]"
        )
    found = []
    for device, table in tables.items():
        try:
            kind_of(device)
            found.append((device, DeviceConfig.from_table(device, table)))
        except (ValueError, UnknownDeviceError) as error:
            raise SettingsError(f"{root / 'pyproject.toml'}: {error}") from None
    return tuple(found)


def from_checkout(root: Path) -> Settings:
    """Return the settings of a checkout for the command line, from its pyproject.toml."""
    pytest_table = pyproject(root).get("pytest", {})
    ini = pytest_table.get("ini_options", {}) if isinstance(pytest_table, dict) else {}
    return Settings(
        root=root,
        workloads=root / str(ini.get("accelbench_workloads", "bench/workloads")),
        baselines=root / str(ini.get("accelbench_baselines", "baselines")),
        data_root=default_data_root(),
        devices=device_configs(root),
    )


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
