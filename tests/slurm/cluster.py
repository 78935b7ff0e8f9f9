"""One node of Slurm for the tests, on this host: `python tests/slurm/cluster.py COMMAND...`.

Debian's packages are installed where they are missing and this user may. Key, ports, state and logs
are the cluster's own, in a folder of its own: any other Slurm or munge on the host is left alone.
Nothing of it needs cgroups, so that it runs in a plain container, whatever the host's name.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "salloc", "scancel", "squeue")
SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

UP_SECONDS = 60.0
LIFE_SECONDS = 1800
"""The daemons outlive a killed test session by this at most."""

# `KillWait`: how long a job that was asked to end may take. `batch` is for what must not wait:
# its jobs put those of `spare` away.
_CONF = """
ClusterName=accelbench
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,sched_min_interval=100000,bf_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={ports[0]}
SlurmdParameters=config_overrides
SlurmdTimeout=300
ReturnToService=2
KillWait=5
OverTimeLimit=0
MinJobAge=300
InactiveLimit=0
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/none
DefMemPerCPU=2000
NodeName=DEFAULT CPUs=4 RealMemory=8000 State=UNKNOWN
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
PartitionName=batch Nodes=n1 Default=YES MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF
PartitionName=spare Nodes=n1 MaxTime=INFINITE State=UP PriorityTier=1
"""


class NoClusterError(Exception):
    """No Slurm can be had here; the message says why."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster of one node, n1, with four processors; its commands need `env`."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """What makes this cluster the one that Slurm's commands speak to."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """Run one of Slurm's commands and return what it prints."""
        done = subprocess.run(
            command, env={**os.environ, **self.env}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """Return the numbers of all jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def clear(self) -> None:
        """End all jobs, and wait until the node is free."""
        self.ask("scancel", "--full", f"--user={getpass.getuser()}")
        self.wait_idle()

    def wait_idle(self, seconds: float = UP_SECONDS) -> None:
        """Wait until the node takes jobs, all of it; NoClusterError."""
        until = time.monotonic() + seconds
        state = ""
        while time.monotonic() < until:
            try:
                state = self.ask("sinfo", "--noheader", "--partition=batch", "--format=%T")
            except subprocess.CalledProcessError as error:
                state = str(error.stderr).strip().rpartition("\n")[2]
            if state == "idle":
                return
            if state.startswith("down"):  # a test's doing; slurmd's own word may take its time
                with suppress(subprocess.CalledProcessError):
                    self.ask("scontrol", "update", "nodename=n1", "state=idle")
            time.sleep(0.1)
        raise NoClusterError(f"the node did not become idle in {seconds:.0f} s: {state}")


def install() -> None:
    """Install what is missing of Debian's slurm-wlm and munge; NoClusterError says why not."""
    if not _missing():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NoClusterError(
            f"{', '.join(_missing())} missing: apt-get install slurm-wlm munge, as root"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (
        ["update", "-qq"],
        ["install", "-qq", "-y", "--no-install-recommends", "slurm-wlm", "munge"],
    ):
        done = subprocess.run(
            ["apt-get", *arguments], env=env, capture_output=True, text=True, check=False
        )
        if done.returncode and _missing():
            said = (done.stderr or done.stdout).strip().rpartition("\n")[2]
            raise NoClusterError(f"apt-get {arguments[0]} failed: {said}")


def _missing() -> list[str]:
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]


@contextmanager
def running() -> Iterator[Cluster]:
    """Start a cluster, and stop exactly what was started; NoClusterError."""
    with ExitStack() as stack:
        # Short: a socket's path may have 107 bytes.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-")))
        folder.chmod(0o755)  # munged refuses a folder that others could not look into
        cluster = _configured(folder)
        try:
            _start(stack, cluster, "munged", "--foreground", *_munge(folder))
            _until_there(folder / "munge.socket")
            _start(stack, cluster, "slurmctld", "-D", "-i", "-c")
            _start(stack, cluster, "slurmd", "-D", "-N", "n1")
            cluster.wait_idle()
        except NoClusterError as error:
            raise NoClusterError(f"{error}{_said(folder)}") from None
        stack.callback(_end_jobs, cluster)
        yield cluster


def _configured(folder: Path) -> Cluster:
    """Write the configuration, and the key by which its parts know each other."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o400)
    conf = _CONF.format(
        host=socket.gethostname().partition(".")[0],
        user=getpass.getuser(),
        folder=folder,
        ports=_free_ports(2),
    )
    (folder / "slurm.conf").write_text(conf, encoding="utf-8")
    return Cluster(folder)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in listeners:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in listeners]


def _munge(folder: Path) -> list[str]:
    files = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{name}" for option, name in files.items()]
    # /tmp is anyone's to write into, which munged warns of; this folder is not.
    return ["--force", "--num-threads=2", *options]


def _start(stack: ExitStack, cluster: Cluster, program: str, *arguments: str) -> None:
    """Start a daemon in a session of its own, to be ended when the stack is left."""
    path = str(shutil.which(program, path=SEARCH))
    with (cluster.folder / f"{program}.out").open("wb") as out:
        process = subprocess.Popen(
            ["timeout", str(LIFE_SECONDS), path, *arguments],
            env={**os.environ, **cluster.env},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    stack.callback(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a daemon to end; `timeout` hands that on."""
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _end_jobs(cluster: Cluster) -> None:
    """End what tests have left, for slurmd would leave its jobs running."""
    try:
        cluster.clear()
    except (subprocess.CalledProcessError, NoClusterError) as error:
        sys.stderr.write(f"jobs of the test cluster may be left: {error}\n")


def _until_there(path: Path) -> None:
    until = time.monotonic() + UP_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise NoClusterError(f"{path.name} did not appear in {UP_SECONDS:.0f} s")
        time.sleep(0.05)


def _said(folder: Path) -> str:
    """Return the last lines of each daemon's log, for the reason of a skip."""
    files = [*sorted(folder.glob("*.out")), *sorted(folder.glob("*.log"))]
    tails = [(path.name, path.read_text(errors="replace").splitlines()[-3:]) for path in files]
    return "".join(f"\n{name}: {line}" for name, lines in tails for line in lines)


def main(command: Sequence[str]) -> int:
    """Run a command with a cluster of its own, for trying things out."""
    try:
        install()
        with running() as cluster:
            return subprocess.call(command or ["sinfo"], env={**os.environ, **cluster.env})
    except NoClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
