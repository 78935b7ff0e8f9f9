"""The devices of the Cerebras SDK are found, or told why not, without a job."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accelbench.devices import Found, Unavailable, cerebras, default_ids, kind_of
from accelbench.interpreter import DeviceConfig
from accelbench.records import Options

DEVICES = ("cerebras", "cerebras-check", "cerebras-cpu")


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    cerebras.probe.cache_clear()


@pytest.fixture
def server() -> Iterator[int]:
    """The port of something that listens, as a cluster's management server does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def cluster(server: int, **more: object) -> dict[str, Any]:
    """Return a user node's configuration of a cluster, as its installer writes it."""
    inner = {
        "name": "wafers",
        "server": f"127.0.0.1:{server}",
        "authority": "cluster-server.example",
        **more,
    }
    return {
        "currentContext": "here",
        "contexts": [{"name": "here", "cluster": "wafers"}],
        "clusters": [inner],
    }


def find(
    device: str, python: str, path: Path | None = None, options: Options = (), setup: str = ""
) -> Found | Unavailable:
    """Look for a device whose interpreter and whose cluster's configuration are these."""
    env = (("CSCONFIG_PATH", str(path)),) if path else ()
    config = DeviceConfig((python,), setup=setup, env=env, options=options)
    return kind_of(device).find(device, config)


def reason(found: Found | Unavailable) -> str:
    """Return why a device is not there, in one line."""
    assert isinstance(found, Unavailable)
    assert "\n" not in found.reason
    return found.reason


def test_all_three_are_on_offer() -> None:
    assert set(DEVICES) <= set(default_ids())
    assert [kind_of(device).marks(device) for device in DEVICES] == [(d,) for d in DEVICES]


def test_without_a_cluster_the_missing_file_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    # This interpreter does not exist: it is not asked.
    said = reason(find("cerebras", "/nowhere/python", tmp_path / "config_v2"))
    assert said == f"no Cerebras cluster is configured: {tmp_path / 'config_v2'} is missing"


def test_without_a_named_file_the_variable_that_names_one_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CSCONFIG_PATH", raising=False)
    if Path("/opt/cerebras/config_v2").exists():
        pytest.skip("this host has a Cerebras cluster")
    said = reason(find("cerebras", "/nowhere/python"))
    assert said.endswith("config_v2 is missing: set CSCONFIG_PATH if it lies elsewhere")


def test_a_setup_may_lead_to_another_configuration(tmp_path: Path, server: int, sdk: str) -> None:
    path = tmp_path / "config_v2"
    path.write_text(json.dumps(cluster(server)), encoding="utf-8")
    found = find("cerebras", sdk, tmp_path / "none", setup=f"export CSCONFIG_PATH={path}")
    assert isinstance(found, Found)
    there = find("cerebras", sdk, path, setup=f"export CSCONFIG_PATH={tmp_path / 'gone'}")
    assert reason(there).endswith(f"{tmp_path / 'gone'} is missing")


@pytest.mark.parametrize("device", ["cerebras-cpu", "cerebras-check"])
def test_an_interpreter_without_the_sdk_is_named_with_the_line_to_write(device: str) -> None:
    said = reason(find(device, sys.executable))
    assert said.startswith(f"{sys.executable} does not have the Cerebras SDK: ")
    assert f"[tool.accelbench.device.{device}] command = [" in said


def test_a_cluster_without_the_sdk_names_the_line_to_write(tmp_path: Path, server: int) -> None:
    path = tmp_path / "config_v2"
    path.write_text(json.dumps(cluster(server)), encoding="utf-8")
    said = reason(find("cerebras", sys.executable, path))
    assert "does not have the Cerebras SDK" in said
    assert "[tool.accelbench.device.cerebras] command = [" in said


@pytest.mark.parametrize("device", ["cerebras-cpu", "cerebras-check"])
def test_the_sdk_alone_makes_the_devices_that_need_no_cluster(device: str, sdk: str) -> None:
    found = find(device, sdk)
    assert isinstance(found, Found)
    assert found.platform == device
    assert found.measures == (device == "cerebras-cpu")
    assert found.units == ("cpu",)
    assert {"cerebras_pytorch_version", "torch_version"} <= set(dict(found.facts))
    assert found.cancel == ()


@pytest.mark.parametrize(
    ("wanted", "model"),
    [
        (({}, 1), "Cerebras CS-2"),  # as the SDK reads a file that does not say
        (({"fabricType": "cs2"}, 1), "Cerebras CS-2"),
        (({"fabricType": "cs3"}, 1), "Cerebras CS-3"),
        (({"fabricType": "cs3"}, 4), "4 x Cerebras CS-3"),
    ],
)
def test_a_cluster_is_found_by_its_configuration(
    tmp_path: Path, server: int, sdk: str, wanted: tuple[dict[str, str], int], model: str
) -> None:
    fabric, systems = wanted
    path = tmp_path / "config_v2"
    path.write_text(json.dumps(cluster(server, **fabric)), encoding="utf-8")
    found = find("cerebras", sdk, path, (("num_csx", systems), ("mgmt_namespace", "ours")))
    assert isinstance(found, Found)
    assert (found.model, found.platform, found.measures) == (model, "cerebras", True)
    assert dict(found.facts)["cerebras_cluster"] == "wafers"
    # A process of its own, when the worker is gone: what the configuration sets goes with it.
    assert found.cancel[:4] == ("env", f"CSCONFIG_PATH={path}", sdk, "-c")
    assert found.cancel[-4:] == ("{run}", "", "ours", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSONDecodeError: Expecting property name"),
        ("[]", "TypeError: "),
        ('{"currentContext": "x"}', "ClusterConfigError: config error: missing required key"),
    ],
)
def test_a_malformed_configuration_is_told_in_the_sdks_words(
    tmp_path: Path, sdk: str, text: str, said: str
) -> None:
    path = tmp_path / "config_v2"
    path.write_text(text, encoding="utf-8")
    found = reason(find("cerebras", sdk, path))
    assert found.startswith(f"the Cerebras cluster's configuration {path} is bad: ")
    assert said in found


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path, sdk: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    path = tmp_path / "config_v2"
    path.write_text(json.dumps(cluster(port)), encoding="utf-8")
    said = reason(find("cerebras", sdk, path))
    assert f"management server 127.0.0.1:{port} cannot be reached: " in said


def test_an_address_in_the_options_needs_no_file(tmp_path: Path, sdk: str, server: int) -> None:
    options: Options = (
        ("credentials_path", "/etc/tls.crt"),
        ("mgmt_address", f"127.0.0.1:{server}"),
    )
    found = find("cerebras", sdk, tmp_path / "none", options)
    assert isinstance(found, Found)
    assert found.model == "Cerebras CSX"
    assert found.cancel[-3:] == (f"127.0.0.1:{server}", "", "/etc/tls.crt")
