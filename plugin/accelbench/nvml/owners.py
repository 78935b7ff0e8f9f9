"""Who else uses a GPU, as far as it can be seen: one that nobody is seen on need not be free."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import ModuleType

from accelbench.nvml.library import Handle, told

FREE = "free"
UNKNOWN = "unknown"

# The kernel's fixed number of the host's own process ids (PROC_PID_INIT_INO in its proc_ns.h).
_HOSTS_PROCESSES = "pid:[4026531836]"

# More than a driver or a desktop keeps for itself: then somebody computes who is not listed.
_UNEXPLAINED_BYTES = 2**30


def owner(nvml: ModuleType, handle: Handle) -> str:
    """Return "free", "in use by pid 4711 (alice)", or "unknown" and why; nobody is disturbed.

    In a container NVML hides the processes of others, or tells ids that are not ours: unknown.
    """
    if not _sees_all_processes():
        return f"{UNKNOWN} (in a container, whose view of processes is its own)"
    running = told(nvml, "nvmlDeviceGetComputeRunningProcesses", handle)
    if running is None:
        return f"{UNKNOWN} (NVML does not list its processes here)"
    if running:
        users = [_user(process.pid) for process in running]
        hidden = [user for user in users if user.startswith(UNKNOWN)]
        return hidden[0] if hidden else f"in use by {', '.join(users)}"
    memory = told(nvml, "nvmlDeviceGetMemoryInfo", handle, nvml.nvmlMemory_v2)
    if memory is not None and memory.used > _UNEXPLAINED_BYTES:
        return f"{UNKNOWN} ({memory.used // 2**20} MiB are in use by no process that is listed)"
    return FREE


def _sees_all_processes() -> bool:
    try:
        return os.readlink("/proc/self/ns/pid") == _HOSTS_PROCESSES  # noqa: PTH115  # no path
    except OSError:
        return False


def _user(pid: int) -> str:
    try:
        uid = Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return f"{UNKNOWN} (pid {pid} is not to be seen from here)"
    try:
        return f"pid {pid} ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"pid {pid} (user {uid})"
