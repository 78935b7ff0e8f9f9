"""The options of a device's SDK: where they are set, how they are read, what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelbench import device_options, ways
from accelbench.device_options import option_lines, with_given
from accelbench.devices import DeviceConfig, default_ids
from accelbench.records import Options, OptionValue
from accelbench.settings import SettingsError, device_configs
from accelbench.ways import Way

WAY = Way(
    "sdk",
    "inside",
    ("ipu",),
    of="torch",
    defaults=(
        ("cached", False),
        ("iterations", 50),
        ("share", 0.5),
        ("mode", "all"),
        ("mounts", ()),
    ),
)
SDK_DEVICES = ("cerebras", "cerebras-check", "cerebras-cpu", "ipu", "ipu-model")


def config(table: str) -> DeviceConfig:
    return DeviceConfig.from_table("ipu", tomllib.loads(table))


def configured(root: Path, table: str) -> str:
    """Return the one line that a checkout's configuration is refused with."""
    (root / "pyproject.toml").write_text(table)
    with pytest.raises(SettingsError) as caught:
        device_configs(root)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{root / 'pyproject.toml'}: ")


# ------------------------------------------------------------------------------------- the table
def test_options_of_every_type_are_read_and_sorted() -> None:
    text = 'z = true\n"a b" = [ "x", "y" ]\nm = 3\nf = 0.5\ns = "text"\nnone = []\n'
    assert config(f"[options]\n{text}").options == (
        ("a b", ("x", "y")),
        ("f", 0.5),
        ("m", 3),
        ("none", ()),
        ("s", "text"),
        ("z", True),
    )
    assert config("").options == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("options = 3", "options must be a table, [...options], not 3"),
        ("options = ['a']", "options must be a table, [...options], not ['a']"),
        ("options.a = ['b', 3]", "option a must be a list of texts, not ['b', 3]"),
        ("options.a = inf", "option a must be true or false, a number, a text or a list of texts"),
        ("options.a = nan", "a list of texts, not nan"),
        ("options.a.b = 1", "a list of texts, not {'b': 1}"),
        ("options.a = 2026-01-01", "a list of texts, not datetime.date"),
        ('options.a = "\\u0000"', "option a holds a zero byte, which no process can be given"),
    ],
)
def test_a_value_that_no_option_can_have_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="ipu") as caught:
        config(text)
    assert str(caught.value).startswith("[tool.accelbench.device.ipu]: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------- the command line
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cached=TRUE", True),
        ("iterations=8", 8),
        ("share=1", 1.0),
        ("share=1e-3", 0.001),
        ("mode=", ""),
        ("mode=a=b", "a=b"),
        ("mounts=", ()),
        ("mounts=/a,/b c", ("/a", "/b c")),
    ],
)
def test_a_value_is_read_as_its_defaults_type(text: str, value: OptionValue) -> None:
    name = text.partition("=")[0]
    given = dict(with_given(DeviceConfig(), WAY, [text]).options)
    assert given == {name: value}
    assert type(given[name]) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("iterations", "--option iterations: NAME=VALUE is expected"),
        ("iteration=5", "unknown option 'iteration' of sdk; known: cached, iterations, share, "),
        ("iterations=2.5", "option iterations must be a whole number, not '2.5'"),
        ("cached=yes", "option cached must be true or false, not 'yes'"),
        ("share=half", "option share must be a number, not 'half'"),
        ("share=nan", "option share must be a number, not 'nan'"),
        ("share=1e999", "option share must be a number, not '1e999'"),
    ],
)
def test_what_does_not_fit_is_named_as_it_was_typed(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"--option {text}: ") as caught:
        with_given(DeviceConfig(), WAY, [text])
    assert words in str(caught.value)


def test_a_way_without_options_takes_none() -> None:
    plain = Way("own", "one", ("cpu",))
    assert with_given(DeviceConfig(), plain, []) == DeviceConfig()
    with pytest.raises(ValueError, match="--option a=1: what trains here, own, has no options"):
        with_given(DeviceConfig(), plain, ["a=1"])


def test_the_command_line_comes_before_the_table_and_the_last_word_counts() -> None:
    table = DeviceConfig(("py",), options=(("iterations", 4), ("mode", "sum")))
    chosen = with_given(table, WAY, ["iterations=5", "cached=true", "iterations=6"])
    assert chosen.options == (("cached", True), ("iterations", 6), ("mode", "sum"))
    assert chosen.command == ("py",)


# -------------------------------------------------------------------------------------- as shown
VALUES: st.SearchStrategy[OptionValue] = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.lists(st.text("ab/ ,"), max_size=3).map(tuple),
)


@given(VALUES)
def test_an_option_is_shown_as_the_table_would_say_it(value: OptionValue) -> None:
    (line,) = option_lines((("name", value),), (("name", value),))
    assert config(f"[options]\n{line}").options == (("name", value),)
    assert option_lines((("name", value),), ()) == [f"{line}  (default)"]


# ------------------------------------------------------------------------------------- the SDKs
@pytest.mark.parametrize("device", SDK_DEVICES)
def test_every_device_with_an_sdk_has_one_way_for_torch_with_options(device: str) -> None:
    (way,) = device_options.sdk_ways(device)
    assert (way.of, bool(way.defaults)) == ("torch", True)
    assert ways.way_on("torch", device) == way
    assert way.options(()) == tuple(sorted(way.defaults))


def test_no_other_device_has_an_sdk() -> None:
    others = [device for device in (*default_ids(), "xpu-2", "mps") if device not in SDK_DEVICES]
    assert [device for device in others if device_options.sdk_ways(device)] == []
    assert device_options.sdk_ways("ipu-16") == device_options.sdk_ways("ipu")


@pytest.mark.parametrize("device", SDK_DEVICES)
def test_an_unknown_option_of_a_device_is_refused_with_the_known_ones(
    tmp_path: Path, device: str
) -> None:
    line = configured(tmp_path, f"[tool.accelbench.device.{device}.options]\nno_such = 1\n")
    (way,) = device_options.sdk_ways(device)
    known = ", ".join(dict(way.defaults))
    wrong = f"unknown option 'no_such' of {way.name}; known: {known}"
    assert line == f"[tool.accelbench.device.{device}.options]: {wrong}"


@pytest.mark.parametrize("device", SDK_DEVICES)
def test_an_option_of_another_type_is_refused(tmp_path: Path, device: str) -> None:
    (way,) = device_options.sdk_ways(device)
    for name, default in way.defaults:
        wrong = '"text"' if not isinstance(default, str) else "1"
        line = configured(tmp_path, f"[tool.accelbench.device.{device}.options]\n{name} = {wrong}")
        assert line.startswith(f"[tool.accelbench.device.{device}.options]: option {name} must be ")


def test_options_of_a_device_without_an_sdk_are_refused(tmp_path: Path) -> None:
    line = configured(tmp_path, "[tool.accelbench.device.cpu.options]\nthreads = 1\n")
    assert line == (
        "[tool.accelbench.device.cpu.options]: cpu is trained on without an SDK that has options"
    )


def test_the_defaults_can_all_be_stated(tmp_path: Path) -> None:
    for device in SDK_DEVICES:
        (way,) = device_options.sdk_ways(device)
        stated: Options = tuple(sorted(way.defaults))
        table = "\n".join(option_lines(stated, stated))
        (tmp_path / "pyproject.toml").write_text(
            f"[tool.accelbench.device.{device}.options]\n{table}\n"
        )
        ((_, found),) = device_configs(tmp_path)
        assert found.options == stated
