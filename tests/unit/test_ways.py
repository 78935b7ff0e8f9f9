"""What a way to train declares: which workloads it takes where, and the options of its SDK."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelbench import ways
from accelbench.ways import Way

SDK = Way(
    "sdk",
    "inside",
    ("chip",),
    of="torch",
    defaults=(("count", 1), ("names", ()), ("rate", 0.5), ("text", ""), ("wait", False)),
    precisions=(("chip", "mixed"),),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "torch": "REPLICAS = 'processes'\nPLATFORMS = ()",
        "sdk": "REPLICAS = 'inside'\nPLATFORMS = ('chip',)\nOF = 'torch'\n"
        "OPTIONS = {'count': 1, 'names': ['a']}\nPRECISIONS = {'chip': 'mixed'}",
        "other": "REPLICAS = 'one'\nPLATFORMS = ('cpu',)",
    }.items():
        (tmp_path / f"{name}.py").write_text(text + "\n")
    monkeypatch.setattr(ways, "_folder", lambda: tmp_path)
    ways.way.cache_clear()
    return tmp_path


@pytest.mark.parametrize(
    ("trained_by", "platform", "way"),
    [
        ("torch", "cpu", "torch"),
        ("torch", "chip", "sdk"),
        ("other", "chip", "other"),
        ("other", "cpu", "other"),
    ],
)
def test_a_platform_with_an_sdk_trains_its_frameworks_workloads_by_it(
    folder: Path, trained_by: str, platform: str, way: str
) -> None:
    assert folder.is_dir()
    assert ways.way_on(trained_by, platform).name == way
    ways.way.cache_clear()


def test_lists_of_options_and_precisions_are_read_as_they_stand(folder: Path) -> None:
    assert folder.is_dir()
    found = ways.way("sdk")
    assert found.defaults == (("count", 1), ("names", ("a",)))
    assert found.series("float32-eager", "chip") == "mixed-eager"
    assert found.series("float32-eager", "cpu") == "float32-eager"
    ways.way.cache_clear()


def test_options_are_filled_in_and_typed_by_their_defaults() -> None:
    given = (("names", ("x", "y")), ("rate", 2))
    assert dict(SDK.options(given)) == {
        "count": 1,
        "names": ("x", "y"),
        "rate": 2.0,
        "text": "",
        "wait": False,
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("counts", 1, "unknown option 'counts' of sdk; known: count, names, rate, text, wait"),
        ("count", True, "option count must be a whole number, not True"),
        ("count", 1.5, "option count must be a whole number, not 1.5"),
        ("names", "x", "option names must be a list of texts, not 'x'"),
        ("rate", "fast", "option rate must be a number, not 'fast'"),
        ("text", 1, "option text must be a text, not 1"),
        ("wait", 1, "option wait must be true or false, not 1"),
    ],
)
def test_an_option_that_does_not_fit_is_named(
    name: str, value: bool | float | str, said: str
) -> None:
    with pytest.raises(ValueError, match=said.replace("(", "[(]")):
        SDK.options(((name, value),))


def test_every_way_of_this_package_has_options_that_it_accepts_itself() -> None:
    for name in ways.names():
        way = ways.way(name)
        assert way.options(way.defaults) == tuple(sorted(way.defaults))
