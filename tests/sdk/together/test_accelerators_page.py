"""docs/accelerators.md: each of its commands is run, as far as this machine allows."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from accelbench import ways, workload_files
from accelbench.device_options import option_lines, sdk_ways

if TYPE_CHECKING:
    from tests.sdk.together.conftest import Page, Suite

CHECKOUT = Path(__file__).parents[3]

# What shortens a command that would train for hours, or needs what a test has not.
SHORTER = {
    "accelbench run graphcore_mnist ": (
        *("--dataset", "digits", "--epochs", "1", "--set", "train_samples=400"),
    ),
    "accelbench run mnist_softmax --device cerebras-cpu": ("--epochs", "3"),
    "accelbench data fetch ": ("--help",),
}

ELSEWHERE = ("-m venv", "-m pip", "cpu or cerebras-cpu or ipu", "run graphcore_mnist")
"""Parts of commands that a test of their own runs."""


def ours(page: Page) -> list[str]:
    return [each for each in page.commands() if not any(part in each for part in ELSEWHERE)]


def shorter(command: str) -> tuple[str, ...]:
    return next((more for start, more in SHORTER.items() if command.startswith(start)), ())


def version(python: Path) -> str:
    code = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


# ------------------------------------------------------------------------------------ the commands
def test_every_command_does_what_it_says(suite: Suite, page: Page) -> None:
    assert len(ours(page)) >= 8
    told = {}
    for command in ours(page):
        done = suite.run(command, *shorter(command))
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        told[command] = done.stdout

    lines = dict(line.split(maxsplit=1) for line in told["accelbench devices"].splitlines())
    assert lines["cerebras"].startswith("absent: ")
    there = {device: text for device, text in lines.items() if not text.startswith("absent: ")}
    assert {"cpu", "ipu", "ipu-model", "cerebras-cpu", "cerebras-check"} <= set(there)

    explained = told["accelbench devices --explain ipu"]
    (way,) = sdk_ways("ipu")
    for name in dict(way.defaults):
        assert f"option       {name} = " in explained
    # The page's table sets one option; the others are told apart by being defaults.
    assert [line for line in explained.splitlines() if "executable_cache" in line] == [
        f'option       executable_cache = "{suite.at_home("/tmp/poptorch")}"'
    ]
    assert "found        " in explained
    assert "missing      " in told["accelbench devices --explain cerebras"]

    assert "1 passed" in told["pytest bench -m cerebras-check"]
    assert "1 passed" in told["pytest bench -m ipu --require-device ipu"]
    run = told["accelbench run mnist_softmax --device ipu --option device_iterations=10"]
    assert "device_iterations = 10\n" in run
    assert ", 10 steps a call, " in run.splitlines()[-1]


def test_the_published_run_is_one_command_that_prints_what_it_is_given(
    suite: Suite, page: Page
) -> None:
    (command,) = [each for each in page.commands() if "run graphcore_mnist" in each]
    words = shlex.split(command)
    declaration = workload_files.find(CHECKOUT / "bench" / "workloads", words[2])
    cell = declaration.cell(words[words.index("--tier") + 1])
    params = {**dict(declaration.defaults), **dict(cell.params)}
    assert (cell.dataset, cell.epochs) == ("mnist", 10)
    assert (params["batch_size"], params["learning_rate"]) == (8, 0.05)
    assert (params["dropout"], params["loss"]) == (0.5, "double_softmax")

    done = suite.run(command, *shorter(command), "--json", "-")
    assert done.returncode == 0, done.stderr
    shown = [re.sub(r"  \(default\)$", "", line.strip()) for line in done.stderr.splitlines()]
    for line in ("batch_size = 8", "learning_rate = 0.05"):
        assert f"parameter  {line}" in shown
    options = dict(ways.way_on("torch", "ipu").defaults)
    given = [line.removeprefix("option     ") for line in shown if line.startswith("option ")]
    assert {"device_iterations = 50", 'loader = "sync"'} <= set(given)
    assert [line.partition(" = ")[0] for line in given] == sorted(options)
    run = json.loads(done.stdout)
    assert run["state"] == "completed"
    assert run["provenance"]["treatment"]["device_iterations"] == 50
    assert run["provenance"]["treatment"]["loader"] == "sync"
    assert [epoch["weight_updates"] for epoch in run["epochs"]] == [50]


def test_the_interpreters_are_of_the_versions_that_the_page_installs(
    suite: Suite, page: Page, python38: Path, cerebras_python: Path
) -> None:
    made = [each.split(" -m venv ") for each in page.commands() if " -m venv " in each]
    assert {place: python for python, place in made} == {
        "/opt/cerebras": f"python{version(cerebras_python)}",
        "/opt/poptorch": f"python{version(python38)}",
    }
    (sdk,) = [each for each in page.commands() if "pip install cerebras" in each]
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(CHECKOUT / "tox.ini")
    assert sdk.split()[-1] == tox["testenv:cerebras-sdk"]["deps"]
    # It is there already, so that pip needs no index to say that it would install nothing.
    done = suite.run(sdk, "--dry-run", "--no-index", "--no-deps", "--disable-pip-version-check")
    assert done.returncode == 0, done.stderr
    assert "already satisfied" in done.stdout


# ------------------------------------------------------------------------------------- the options
def test_the_page_lists_every_option_with_its_default(page: Page) -> None:
    table = page.text.partition("<!-- options: begin -->")[2].partition("<!-- options: end -->")[0]
    rows = [
        tuple(cell.strip().strip("`") for cell in line.split("|")[1:4])
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    expected = [
        (name, option_lines(((name, value),), ((name, value),))[0].partition(" = ")[2])
        for name in ("poptorch", "cerebras")
        for name, value in sorted(ways.way(name).defaults)
    ]
    assert [row[:2] for row in rows] == expected
    assert all(len(row[2]) > 10 for row in rows), "each says what it does"
