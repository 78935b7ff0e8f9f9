"""The stand-in of poptorch is the tests' alone: nothing of it is in the wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_the_wheel_holds_the_plugin_and_the_plugin_no_poptorch() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    assert targets["wheel"] == {"packages": ["plugin/accelbench"]}
    shipped = [path for path in (ROOT / "plugin").rglob("*") if "__pycache__" not in path.parts]
    assert shipped
    assert not [path for path in shipped if path.is_symlink()]
    assert not [path for path in shipped if path.name == "poptorch" or "standin" in path.name]
    (module,) = [path for path in shipped if path.name == "poptorch.py"]
    assert module.parent.name == "ways"
    texts = [path.read_text(encoding="utf-8") for path in shipped if path.suffix == ".py"]
    assert not [text for text in texts if "tests/standin" in text or "POPTORCH_STANDIN" in text]
