"""How a device's interpreter is started: on this host, behind a launcher, or through ssh.

What `[tool.accelbench.device.ID]` in pyproject.toml says, and the argument lists that come of it.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from accelbench import slurm
from accelbench.workers.watchdog import RUN_VARIABLE

if TYPE_CHECKING:
    from accelbench.records import Options, OptionValue

_KEYS = ("command", "setup", "env", "ssh", "ssh_options", "options")

# A shell's own ${rank} is left alone.
_PLACEHOLDER = re.compile(r"(?<!\$)\{(rank|world|node|local_rank)\}")

_OWN_SSH_OPTIONS = (
    *("-o", "BatchMode=yes"),  # nobody is there to answer a question
    *("-o", "ControlMaster=no"),  # an open connection may be used; none is opened for others
    *("-o", "ClearAllForwardings=yes"),  # the second rank's would clash with the first's
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=15"),  # a network that is gone ends ssh within a minute
)

# Runs first on the host that ssh reaches: before an interpreter is up, and guards what it started,
# nobody else could end a setup or a launcher that hangs. It lives until the command (this shell's
# own process) or sshd's process above it is gone; it gives the guard inside its time; then it kills
# what still carries the run's id. Its own environment is without it.
_WATCH = "; ".join(
    (
        "up=$PPID; id=$1; shift",
        "(while [ -d /proc/$up ] && [ -d /proc/$$ ]; do sleep 2; done; [ -d /proc/$$ ] && sleep 3",
        f'for again in 1 2; do for each in $(grep -lsF "{RUN_VARIABLE}=$id" /proc/[0-9]*/environ)',
        "do each=${each#/proc/}; kill -9 ${each%/environ}; done; done",
        ') </dev/null >/dev/null 2>&1 & exec env "$@"',
    )
)


@dataclass(frozen=True)
class Interpreter:
    """How one rank's interpreter is started.

    `argv` is its argument list on its host, without Python's own arguments. `host` is empty for
    this host; `ssh` is the program that reaches it, with its options, where one is needed.
    """

    argv: tuple[str, ...]
    host: str = ""
    ssh: tuple[str, ...] = ()

    def line(self, arguments: Sequence[str], env: Mapping[str, str]) -> tuple[str, ...]:
        """Return the argument list to start on this host, Python's own arguments at its end.

        Through ssh the environment travels inside the command: a server takes few variables by
        name. There `env` must hold the run's id.
        """
        if not self.ssh:
            return (*self.argv, *arguments)
        words = [f"{name}={value}" for name, value in env.items()]
        # `env` would take a first word with an equals sign for a variable.
        words += ["sh", "-c", 'exec "$@"', "accelbench", *self.argv, *arguments]
        words = ["exec", "sh", "-c", _WATCH, "accelbench", env[RUN_VARIABLE], *words]
        return (*self.ssh, self.host, shlex.join(words))


@dataclass(frozen=True)
class DeviceConfig:
    """How a device's interpreter is started: `[tool.accelbench.device.ID]` in pyproject.toml.

    `setup` is shell text that runs first; `command` is the interpreter as an argument list, with
    any launcher in front; `env` is added to the environment. `ssh` names the hosts on which all
    this happens, with `ssh_options` in front of their names. In `command` and `env`, {rank},
    {world}, {node} and {local_rank} stand for a rank's own numbers. `options` are the SDK's, sorted
    by name; the way to train knows which there are, and their types.
    """

    command: tuple[str, ...] = (sys.executable,)
    setup: str = ""
    env: tuple[tuple[str, str], ...] = ()
    ssh: tuple[str, ...] = ()
    ssh_options: tuple[str, ...] = ()
    options: Options = ()

    @classmethod
    def from_table(cls, device: str, table: Mapping[str, object]) -> DeviceConfig:
        """Return the configuration that a TOML table states; ValueError names what is wrong."""
        try:
            return _from_table(table)
        except ValueError as error:
            raise ValueError(f"[tool.accelbench.device.{device}]: {error}") from None

    def interpreter(self, rank: int = 0, world: int = 1) -> Interpreter:
        """Return how a rank's interpreter is started."""
        host, argv = self.hosts(world)[rank], self.argv(rank, world)
        if not self.ssh:
            return Interpreter(argv, host)
        return Interpreter(argv, host, ("ssh", "-T", *self.ssh_options, *_OWN_SSH_OPTIONS))

    def argv(self, rank: int = 0, world: int = 1) -> tuple[str, ...]:
        """Return the argument list that starts a rank's interpreter on its host, with `setup`."""
        return self.after_setup(tuple(self._filled(word, rank, world) for word in self.command))

    def after_setup(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """Return the argument list that runs a command after `setup`, as any interpreter."""
        if not self.setup:
            return command
        return ("bash", "-c", f'{self.setup}\nexec "$@"', "accelbench", *command)

    def environment(self, rank: int = 0, world: int = 1) -> dict[str, str]:
        """Return what is added to a rank's environment."""
        return {name: self._filled(value, rank, world) for name, value in self.env}

    def hosts(self, world: int = 1) -> tuple[str, ...]:
        """Return each rank's host: "" is this one, and equal names are one host.

        Consecutive ranks share a host, as torchrun and srun's block distribution place them: what
        neighbours exchange stays inside a host. Of more hosts than ranks the first ones are used.
        """
        if not self.ssh and not slurm.by_srun(self.command):
            return ("",) * world
        numbers = [_node(rank, world, self._nodes()) for rank in range(world)]
        return tuple(self.ssh[n] if self.ssh else f"node {n} of srun" for n in numbers)

    def local_rank(self, rank: int, world: int) -> int:
        """Return how many ranks come before this one on its host."""
        hosts = [_node(other, world, self._nodes()) for other in range(rank + 1)]
        return hosts.count(hosts[rank]) - 1

    def _nodes(self) -> int:
        """Return how many hosts there are: ssh's, or those of the allocation around the session."""
        if self.ssh:
            return len(self.ssh)
        nodes = os.environ.get("SLURM_JOB_NUM_NODES", "") if slurm.by_srun(self.command) else ""
        return int(nodes) if nodes.isdecimal() and int(nodes) else 1

    def _filled(self, text: str, rank: int, world: int) -> str:
        node = _node(rank, world, self._nodes())
        numbers = {"rank": rank, "world": world, "node": node}
        numbers["local_rank"] = self.local_rank(rank, world)
        return _PLACEHOLDER.sub(lambda found: str(numbers[found[1]]), text)


def _node(rank: int, world: int, nodes: int) -> int:
    """Return the number of the host, of `nodes`, that a rank is on: equal shares, in order."""
    return rank * min(nodes, world) // world


def _from_table(table: Mapping[str, object]) -> DeviceConfig:
    unknown = sorted(set(table) - set(_KEYS))
    if unknown:
        raise ValueError(f"unknown key {', '.join(unknown)}; known: {', '.join(_KEYS)}")
    ssh = _hosts(table.get("ssh"))
    config = DeviceConfig(
        command=_texts("command", table.get("command", ["python3" if ssh else sys.executable])),
        setup=_text("setup", table.get("setup", "")),
        env=_env(table.get("env", {})),
        ssh=ssh,
        ssh_options=_texts("ssh_options", table.get("ssh_options", []), may_be_empty=True),
        options=_options(table.get("options", {})),
    )
    if config.ssh_options and not ssh:
        raise ValueError("ssh_options without ssh: name the host, ssh = 'user@host'")
    _check_srun(config)
    return config


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} must be a text, not {value!r}")
    if "\0" in value:
        raise ValueError(f"{key} holds a zero byte, which no process can be given")
    return value


def _texts(key: str, value: object, *, may_be_empty: bool = False) -> tuple[str, ...]:
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if not isinstance(value, list) or not texts or not (value or may_be_empty):
        raise ValueError(f"{key} must be a list of texts, not {value!r}")
    return tuple(_text(key, each) for each in value)


def _env(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError(f"env must be a table of texts, not {value!r}")
    for name in value:
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
            raise ValueError(f"env: {name!r} cannot be a variable: letters, digits and _ only")
    return tuple(sorted((name, _text("env", each)) for name, each in value.items()))


def _options(value: object) -> Options:
    """Return an SDK's options; ValueError for what can be none of its values."""
    if not isinstance(value, dict):
        raise ValueError(f"options must be a table, [...options], not {value!r}")
    return tuple(sorted((name, _option(name, each)) for name, each in value.items()))


def _option(name: str, value: object) -> OptionValue:
    if isinstance(value, list):
        return _texts(f"option {name}", value, may_be_empty=True)
    if isinstance(value, str):
        return _text(f"option {name}", value)
    # Infinities and not-a-number have no form in JSON, nor in the code that another host is told.
    if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(
        f"option {name} must be true or false, a number, a text or a list of texts, not {value!r}"
    )


def _hosts(value: object) -> tuple[str, ...]:
    """Return ssh's hosts; a name that begins with a dash would be an option."""
    if value is None:
        return ()
    hosts = [value] if isinstance(value, str) else value
    if not isinstance(hosts, list) or not hosts or not all(isinstance(h, str) for h in hosts):
        raise ValueError(f"ssh must be 'user@host' or a list of such texts, not {value!r}")
    wrong = [host for host in hosts if re.fullmatch(r"[^\s\0-][^\s\0]*", host) is None]
    if wrong:
        raise ValueError(f"ssh: {wrong[0]!r} is no host; options stand in ssh_options")
    return tuple(hosts)


def _check_srun(config: DeviceConfig) -> None:
    """Refuse an srun that holds back what the worker says: both sides would wait for ever."""
    names = [PurePath(word).name for word in config.command]
    if "srun" not in names or "SLURM_UNBUFFEREDIO" in dict(config.env):
        return
    options = names[names.index("srun") + 1 :]
    if not {"--unbuffered", "-u"} & set(options):
        raise ValueError('command: srun needs "--unbuffered", else it hangs')
