"""The page about judging shows what the command prints."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from accelbench.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "judging.md"


def sessions() -> Iterator[tuple[str, str]]:
    """Yield the commands of the page's consoles with what they print."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def test_the_examples_of_convergence_points_are_what_is_printed(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    compared = 0
    for command, output in sessions():
        name, *arguments = shlex.split(command)
        if name == "cat":
            (tmp_path / arguments[0]).write_text(output)
        elif "--convergence" in arguments:
            assert CliRunner().invoke(main, arguments).stdout == output
            compared += 1
    assert compared == 2
