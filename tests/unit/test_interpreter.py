"""Where each rank's interpreter is started, and that no text is changed on the way there."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench.interpreter import DeviceConfig
from accelbench.workers.watchdog import RUN_VARIABLE

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True).map(lambda name: f"X_{name}")

TELL = (
    "import json, os, sys; print(json.dumps([sys.argv[1:],"
    " {k: v for k, v in os.environ.items() if k.startswith('X_')}]))"
)


def a_run() -> dict[str, str]:
    """The environment of a run of its own: what is left of one is ended after it."""
    return {RUN_VARIABLE: f"run@{secrets.token_hex(8)}"}


def config(**keys: object) -> DeviceConfig:
    return DeviceConfig.from_table("cpu-2", keys)


@pytest.mark.parametrize(
    ("hosts", "world", "chosen"),
    [
        (["a"], 1, "a"),
        (["a"], 3, "aaa"),
        (["a", "b"], 4, "aabb"),
        (["a", "b"], 3, "aab"),
        (["a", "b", "c", "d"], 8, "aabbccdd"),
        (["a", "b", "c", "d"], 2, "ab"),
        (["a", "b", "c"], 1, "a"),
    ],
)
def test_consecutive_ranks_share_a_host_and_the_first_hosts_are_used(
    hosts: list[str], world: int, chosen: str
) -> None:
    assert config(ssh=hosts).hosts(world) == tuple(chosen)


@given(st.integers(1, 9), st.integers(1, 40))
def test_every_host_gets_an_equal_share_and_its_ranks_count_from_zero(
    hosts: int, world: int
) -> None:
    names = [f"host{number}" for number in range(hosts)]
    chosen = config(ssh=names)
    places = chosen.hosts(world)
    assert list(places) == sorted(places, key=names.index)
    shares = [places.count(name) for name in names[: min(hosts, world)]]
    assert sum(shares) == world
    assert max(shares) - min(shares) <= 1
    numbers = [chosen.local_rank(rank, world) for rank in range(world)]
    assert numbers == [number for share in shares for number in range(share)]


def test_without_ssh_and_srun_every_rank_is_on_this_host() -> None:
    assert config().hosts(3) == ("", "", "")
    assert config(setup="module load x", command=["launcher", "python"]).hosts(2) == ("", "")
    assert config().interpreter().line(("-c", "x"), {}) == (sys.executable, "-c", "x")


@pytest.mark.parametrize(("nodes", "numbers"), [("", "00"), ("1", "00"), ("2", "01"), ("x", "00")])
def test_ranks_of_srun_are_spread_over_the_nodes_of_the_allocation(
    monkeypatch: pytest.MonkeyPatch, nodes: str, numbers: str
) -> None:
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", nodes)
    chosen = config(command=["/usr/bin/srun", "--unbuffered", "--relative={node}", "python"])
    assert chosen.hosts(2) == tuple(f"node {number} of srun" for number in numbers)
    last = chosen.interpreter(1, 2).argv
    assert last == ("/usr/bin/srun", "--unbuffered", f"--relative={numbers[1]}", "python")


@pytest.mark.parametrize("option", [["--unbuffered"], ["-n1", "-u"]])
def test_an_unbuffered_srun_is_taken(option: list[str]) -> None:
    assert config(command=["srun", *option, "python"]).command[0] == "srun"
    assert config(command=["srun", "python"], env={"SLURM_UNBUFFEREDIO": "1"})


def test_a_ranks_own_numbers_stand_in_command_and_environment() -> None:
    chosen = config(
        ssh=["a", "b"],
        command=["py", "{rank}of{world}", "{node}.{local_rank}", "${rank}", "{other}", "{ rank }"],
        env={"GPU": "{local_rank}", "CACHE": "/c/{rank}"},
    )
    assert chosen.argv(3, 4) == ("py", "3of4", "1.1", "${rank}", "{other}", "{ rank }")
    assert chosen.environment(2, 4) == {"GPU": "0", "CACHE": "/c/2"}
    assert chosen.argv()[1] == "0of1"


def test_through_ssh_the_python_of_that_host_is_the_default() -> None:
    assert config(ssh="user@host").argv() == ("python3",)
    line = (
        config(ssh="user@host", ssh_options=["-p", "2222"]).interpreter().line(("-c", "x"), a_run())
    )
    assert line[:4] == ("ssh", "-T", "-p", "2222")
    assert "BatchMode=yes" in line
    assert line[-2] == "user@host"


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=3), st.dictionaries(NAMES, TEXTS, max_size=3))
def test_any_text_in_command_and_environment_survives_the_shell_on_the_other_host(
    words: list[str], env: dict[str, str]
) -> None:
    chosen = config(ssh="host", command=[sys.executable, "-c", TELL, *words], env=env)
    line = chosen.interpreter().line(("-u", "'last' one"), {**chosen.environment(), **a_run()})
    # A server gives the last word to the account's shell, and nothing else of the command line.
    done = subprocess.run(["sh", "-c", line[-1]], capture_output=True, check=True, timeout=60)
    filled = [chosen._filled(word, 0, 1) for word in words]
    kept = {name: chosen._filled(text, 0, 1) for name, text in env.items()}
    assert json.loads(done.stdout) == [[*filled, "-u", "'last' one"], kept]


@settings(max_examples=15, deadline=None)
@given(TEXTS)
def test_setup_runs_before_the_interpreter_on_the_other_host(text: str) -> None:
    setup = f"export X_SETUP={shlex.quote(text)}"
    chosen = config(ssh="host", setup=setup, command=[sys.executable, "-c", TELL])
    line = chosen.interpreter().line((), a_run())
    done = subprocess.run(["sh", "-c", line[-1]], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [[], {"X_SETUP": text}]


def test_a_command_with_an_equals_sign_is_no_variable(tmp_path: Path) -> None:
    program = tmp_path / "a=b"
    program.write_text("#!/bin/sh\necho here $#\n")
    program.chmod(0o755)
    chosen = config(ssh="host", command=["a=b", "c=d"])
    env = {**a_run(), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    line = chosen.interpreter().line((), env)
    done = subprocess.run(["sh", "-c", line[-1]], capture_output=True, check=True, timeout=60)
    assert done.stdout == b"here 1\n"
