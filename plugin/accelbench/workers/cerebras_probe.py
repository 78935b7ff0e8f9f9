"""Says what the Cerebras SDK has to offer: run by a device's interpreter, alone, on its host.

`python -c <this file> WHAT ADDRESS` prints one marked line of JSON, for setups and launchers talk
on stdout too: {"python", "cerebras_pytorch", "torch", "cluster", "fabric", "server"}, versions and
names as texts, or {"reason"}. WHAT is "sdk" or "cluster"; ADDRESS is the management server's where
no file names it. It starts no job and does not import the SDK's own torch part, which takes
seconds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import socket
import sys
from typing import Dict

MARK = "accelbench-cerebras-probe "
ANSWER_SECONDS = 3.0
"""As long as the SDK's own client waits for an answer to its ping."""


def look(what: str, address: str) -> Dict[str, str]:
    """Return the SDK's versions and, where asked for, the cluster that is configured."""
    found = {
        "python": sys.executable,
        "cerebras_pytorch": _version("cerebras_pytorch"),
        "torch": _version("torch"),
        "cluster": "",
        "fabric": "",
        "server": address,
    }
    if what == "sdk":
        return found
    if not found["cerebras_pytorch"]:
        missing = "" if address else _missing()
        return {"reason": missing} if missing else found
    return _with_cluster(found)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _missing() -> str:
    path = os.environ.get("CSCONFIG_PATH") or "/opt/cerebras/config_v2"
    if os.path.exists(path):  # noqa: PTH110  # stdlib of the oldest interpreter, plainly
        return ""
    return "no Cerebras cluster is configured: " + path + " is missing"


def _with_cluster(found: Dict[str, str]) -> Dict[str, str]:
    """Return what the cluster's configuration says, as the SDK reads it, if its server is there."""
    missing = _missing()
    if missing and not found["server"]:
        return {"reason": missing}
    if not missing:
        config = importlib.import_module("cerebras.appliance.cluster.config")
        try:
            path, cluster = config.load_cs_cluster_config()
            found["cluster"], found["fabric"] = cluster.name, cluster.fabric_type
            found["server"] = found["server"] or str(cluster.mgmt_address)
        except Exception as error:  # ClusterConfigError, and whatever a malformed file leads to
            path = os.environ.get("CSCONFIG_PATH") or "/opt/cerebras/config_v2"
            said = type(error).__name__ + ": " + _line(error)
            return {"reason": "the Cerebras cluster's configuration " + path + " is bad: " + said}
    silent = _silent(found["server"])
    return {"reason": silent} if silent else found


def _silent(server: str) -> str:
    """Return why a management server, HOST:PORT, cannot be reached; "" where it can."""
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), ANSWER_SECONDS):
            return ""
    except (OSError, ValueError) as error:
        why = _line(error)
    return "the Cerebras cluster's management server " + server + " cannot be reached: " + why


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


if __name__ == "__main__":
    # A line of its own, whatever was printed before it.
    print("\n" + MARK + json.dumps(look(*sys.argv[1:3])), flush=True)  # noqa: T201  # its one task
