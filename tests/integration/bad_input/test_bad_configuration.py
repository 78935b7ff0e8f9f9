"""pyproject.toml that is not TOML, or that configures devices wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout

BAD = [
    (
        "[tool.accelbench.device.cpu]\ncomand = ['python']\n",
        "[tool.accelbench.device.cpu]: unknown key comand; known: command, setup, env, ssh, "
        "ssh_options, options",
    ),
    (
        "[tool.accelbench.device.cpu]\ncommand = 'python -u'\n",
        "[tool.accelbench.device.cpu]: command must be a list of texts, not 'python -u'",
    ),
    (
        "[tool.accelbench.device.cpu]\ncommand = []\n",
        "[tool.accelbench.device.cpu]: command must be a list of texts, not []",
    ),
    (
        "[tool.accelbench.device.cpu]\nsetup = ['module load sdk']\n",
        "[tool.accelbench.device.cpu]: setup must be a text, not ['module load sdk']",
    ),
    (
        "[tool.accelbench.device.cpu]\nenv = { THREADS = 2 }\n",
        "[tool.accelbench.device.cpu]: env must be a table of texts, not {'THREADS': 2}",
    ),
    ("[tool.accelbench.device.tpu]\ncommand = ['python']\n", "unknown device 'tpu'; known: cpu,"),
    (
        "[tool.accelbench]\ndevice = 'cpu'\n",
        "a device is configured as [tool.accelbench.device.ID]",
    ),
    (
        "[tool.accelbench.device]\ncpu = 'python'\n",
        "a device is configured as [tool.accelbench.device.ID]",
    ),
]


@pytest.mark.parametrize(("table", "words"), BAD, ids=[words[:50] for _, words in BAD])
def test_device_that_is_configured_wrongly_is_named_with_its_file(
    checkout: Checkout, table: str, words: str
) -> None:
    checkout.workload("good")
    checkout.configure(table)
    prefix = f"{checkout.root / 'pyproject.toml'}: "
    done = checkout.accelbench("run", "good")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"Error: {prefix}")
    assert words in line


def test_session_names_it_in_the_same_words(checkout: Checkout, parallel: tuple[str, ...]) -> None:
    checkout.tests()
    checkout.configure(BAD[0][0])
    session = checkout.pytest(*parallel)
    assert session.status == pytest.ExitCode.USAGE_ERROR
    (line,) = session.err.strip().splitlines()
    assert line == f"ERROR: {checkout.root / 'pyproject.toml'}: {BAD[0][1]}"


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"[tool\n", "Expected ']' at the end of a table"), (b"# \xff\n", "can't decode byte 0xff")],
    ids=["syntax", "encoding"],
)
def test_pyproject_that_is_not_toml_is_named(
    checkout: Checkout, parallel: tuple[str, ...], content: bytes, words: str
) -> None:
    checkout.workload("good")
    checkout.tests()
    (checkout.root / "pyproject.toml").write_bytes(content)
    done = checkout.accelbench("run", "good")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"Error: {checkout.root / 'pyproject.toml'}: ")
    assert words in line
    if content.startswith(b"#"):
        return  # pytest reads the file first, and has no line of its own for this
    # Where pytest's settings stand elsewhere it is accelbench that reads the file.
    (checkout.root / "pytest.ini").write_text("[pytest]\naccelbench_workloads = workloads\n")
    session = checkout.pytest(*parallel, "-m", "cpu")
    assert session.status == pytest.ExitCode.USAGE_ERROR
    assert session.err.strip() == f"ERROR: {line.removeprefix('Error: ')}"
