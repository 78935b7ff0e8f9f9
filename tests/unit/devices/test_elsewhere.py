"""A device on another host: what it is asked with, and that all of its answer comes back."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from accelbench.devices import DeviceKind, Found, Unavailable
from accelbench.devices.elsewhere import anywhere
from accelbench.interpreter import DeviceConfig

# A kind of another package. What its host was told is its model's name; it asks as the SDKs' do.
PRETEND = """
import os
from accelbench import asking
from accelbench.devices.kind import DeviceKind, Found

PROBE = 'import json; print("MARK " + json.dumps({"sdk": 1}))'

def find(device, config):
    answer = asking.ask(config, PROBE, (), "MARK ", "anything")
    return Found(
        device,
        repr((answer, config.options, config.setup, os.environ.get("FROM_SETUP"))),
        units=("pretend",),
        platform="pretend",
        measures=False,
        cancel=("csctl", "cancel", "{run}"),
    )

KIND = DeviceKind("pretend", ids=(), pattern="pretend", find=find)
"""

# An ssh that stays here and leaves out its options; its login shell greets, and says goodbye.
SSH = """#!/bin/sh
for last; do :; done
echo "Welcome to { node 1 }"
sh -c "$last"
status=$?
echo "accounting: 3 s"
exit $status
"""


@pytest.fixture
def kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeviceKind:
    """The kind, found anywhere."""
    path = tmp_path / "pretend.py"
    path.write_text(PRETEND)
    spec = importlib.util.spec_from_file_location("accelbench.devices.pretend", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return anywhere(module.KIND)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeviceConfig:
    """The configuration of a device that such an ssh reaches."""
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return DeviceConfig(
        (sys.executable,),
        setup="echo loading { an SDK }; export FROM_SETUP=done",
        env=(("FROM_ENV", "a b"),),
        ssh=("user@host",),
        options=(("cached", True), ("mounts", ("/a", "/b 'c'")), ("share", 0.1)),
    )


def test_the_host_is_told_the_options_and_all_of_its_answer_comes_back(
    kind: DeviceKind, there: DeviceConfig, tmp_path: Path
) -> None:
    found = kind.find("pretend", there)
    # Its setup ran once, for the process that looks: what that process asks inherits it.
    told = repr(({"sdk": 1}, there.options, "", "done"))
    assert found == Found(
        "pretend",
        told,
        units=("user@host/pretend",),
        platform="pretend",
        measures=False,
        cancel=(
            *("env", "FROM_ENV=a b", "bash", "-c", f'{there.setup}\nexec "$@"', "accelbench"),
            *("csctl", "cancel", "{run}"),
        ),
    )
    assert list(tmp_path.glob("accelbench-*")) == []


def test_here_it_is_asked_with_the_whole_configuration(
    kind: DeviceKind, there: DeviceConfig
) -> None:
    found = kind.find("pretend", replace(there, ssh=()))
    assert isinstance(found, Found)
    assert found.model == repr(({"sdk": 1}, there.options, there.setup, None))
    assert found.units == ("pretend",)
    # The kind itself was told of the setup, and what it answers has it where it needs it.
    assert found.cancel == ("env", "FROM_ENV=a b", "csctl", "cancel", "{run}")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("/nonexistent/python",), "user@host: "),
        (("sh", "-c", "echo '{}'; echo no licence >&2; exit 3"), "user@host: no licence"),
        (("sh", "-c", "exit 3"), "user@host: no answer (exit status 3)"),
    ],
)
def test_an_interpreter_there_that_says_nothing_is_one_line(
    kind: DeviceKind, there: DeviceConfig, command: tuple[str, ...], words: str
) -> None:
    found = kind.find("pretend", replace(there, command=command, setup=""))
    assert isinstance(found, Unavailable)
    assert found.reason.startswith(words)
    assert "\n" not in found.reason
