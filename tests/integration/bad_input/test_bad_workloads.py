"""Workload files that cannot be used: the file is named, and the line where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Checkout

CELL = '{"dataset": "inline", "epochs": 1, "gates": ["loss"]'


def tiers(point: str) -> dict[str, str | None]:
    return {"TIERS": f'{{"smoke": [{point}]}}'}


BAD: list[tuple[dict[str, str | None], str]] = [
    ({"FRAMEWORK": None}, "declares no FRAMEWORK"),
    ({"TRAINED_BY": None}, "declares no TRAINED_BY"),
    ({"PARAMETERS": None}, "declares no PARAMETERS"),
    ({"TIERS": None}, "declares no TIERS"),
    ({"TRAINED_BY": '"owm"'}, "unknown way to train 'owm' (TRAINED_BY); known: own, tensorflow, "),
    ({"TRAINED_BY": '"poptorch"'}, "TRAINED_BY must be 'torch': poptorch trains that on its own d"),
    ({"TIERS": '{"smoke": [make() for _ in range(3)]}'}, "TIERS must be a literal: the session "),
    ({"TIERS": "{[]: 1}"}, "TIERS must be a literal: the session reads it without running"),
    ({"TIERS": '["smoke"]'}, "TIERS must be a dict"),
    (tiers("5"), "a point of TIERS must be a dict, not 5"),
    (tiers(CELL + ', "seed": 1}'), "unknown key seed in TIERS"),
    (tiers('{"dataset": "inline"}'), "a point of TIERS has no epochs, gates"),
    (tiers(CELL.replace('"loss"', '"los"') + "}"), "unknown metric 'los' in gates; known: accura"),
    (tiers(CELL.replace("1", "0") + "}"), "epochs must be a whole number, 1 or more, not 0"),
    (tiers(CELL + ', "expect": "luck"}'), "expect is one of completed, diverged, not 'luck'"),
    (tiers(CELL + ', "params": {"rate": 1}}'), "workload bad has no parameter 'rate'; it has: "),
    (
        tiers(CELL + ', "params": {"steps": "many"}}'),
        "takes a whole number such as 200, not 'many'",
    ),
    (tiers(CELL + ', "params": 3}'), "params, floors and smallest_effects must be dicts in TIERS"),
    (tiers(CELL + ', "floors": ["loss"]}'), "params, floors and smallest_effects must be dicts in"),
    (tiers(CELL + ', "floors": {"los": 1}}'), "unknown metric 'los' in floors; known: accuracy,"),
    (
        tiers(CELL + ', "floors": {"accuracy": 1}}'),
        "floors for 'accuracy', which is not gated; gated: loss",
    ),
    (
        tiers(CELL + ', "floors": {"loss": "low"}}'),
        "the floor of loss must be a number, or (number, \"strict\"), not 'low'",
    ),
    (
        tiers(CELL + ', "floors": {"loss": (1, "hard")}}'),
        "the floor of loss must be a number, or (number, \"strict\"), not (1, 'hard')",
    ),
    (
        tiers(CELL + ', "smallest_effects": {"loss": 0}}'),
        "the smallest effect of loss must be a number above 0, not 0",
    ),
    (
        tiers(CELL + ', "smallest_effects": {"throughput": 0.1}}'),
        "smallest_effects for 'throughput', which is not gated; gated: loss",
    ),
    (
        {"PARAMETERS": '{"sizes": [1, 2]}', "CHOICES": None},
        "a parameter must be a number or a text",
    ),
    ({"INPUT": "[28]"}, "INPUT must be [height, width], two whole numbers above 0, not [28]"),
    ({"INPUT": "[0, 28]"}, "INPUT must be [height, width], two whole numbers above 0, not [0, 28]"),
    ({"INPUT": '"28x28"'}, "INPUT must be [height, width], two whole numbers above 0, not '28x28'"),
]


@pytest.mark.parametrize(("declarations", "words"), BAD, ids=[words[:40] for _, words in BAD])
def test_declarations_that_do_not_fit_are_named_with_their_file(
    checkout: Checkout, declarations: dict[str, str | None], words: str
) -> None:
    path = checkout.workload("bad", literals=declarations)
    done = checkout.accelbench("run", "bad")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert line.startswith(f"Error: workload file {path}")
    assert words in line


def test_line_of_a_declaration_that_is_no_literal_is_named(checkout: Checkout) -> None:
    path = checkout.workload("bad", literals={"TIERS": 'dict(smoke="any")'})
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("TIERS"))
    done = checkout.accelbench("run", "bad")
    assert f"Error: workload file {path}:{number}: TIERS must be a literal" in done.err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"FRAMEWORK = 'numpy'\ndef start(:\n", ":2: invalid syntax"),
        (b"FRAMEWORK = 'numpy'\n  x = 1\n", ":2: unexpected indent"),
        (b"FRAMEWORK = '\xff'\n", ": 'utf-8' codec can't decode byte 0xff"),
        (b"FRAMEWORK = 'num\0py'\n", "null bytes"),
        (b"", "declares no FRAMEWORK"),
    ],
    ids=["syntax", "indent", "encoding", "null", "empty"],
)
def test_file_that_is_not_python_is_named_with_its_line(
    checkout: Checkout, content: bytes, words: str
) -> None:
    path = checkout.workload("bad")
    path.write_bytes(content)
    done = checkout.accelbench("run", "bad")
    assert (done.status, done.out) == (1, "")
    (line,) = done.err.splitlines()
    assert f"workload file {path}" in line
    assert words in line


def test_a_folder_in_place_of_a_workload_file_is_named(checkout: Checkout) -> None:
    (checkout.root / "workloads" / "bad.py").mkdir()
    done = checkout.accelbench("run", "bad")
    assert done.status == 1
    assert done.err == (
        f"Error: cannot read workload file {checkout.root}/workloads/bad.py: "
        f"[Errno 21] Is a directory: '{checkout.root}/workloads/bad.py'\n"
    )


def test_session_names_a_broken_file_in_one_line_and_trains_nothing(
    checkout: Checkout, parallel: tuple[str, ...]
) -> None:
    checkout.workload("good")
    path = checkout.workload("worse")
    path.write_text("FRAMEWORK = 'numpy'\ndef start(:\n", encoding="utf-8")
    checkout.tests()
    done = checkout.pytest(*parallel)
    assert done.status in {pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED}
    assert f"\ncannot read workload file {path}:2: invalid syntax\n" in done.out
    assert "Traceback" not in done.text
    assert "plugin/accelbench" not in done.text


def test_single_run_of_another_workload_does_not_care(checkout: Checkout) -> None:
    checkout.workload("good")
    checkout.workload("worse").write_text("def start(:\n", encoding="utf-8")
    done = checkout.accelbench("run", "good")
    assert done.status == 0, done.text


def test_workloads_folder_that_is_empty_or_missing_is_named(checkout: Checkout) -> None:
    for folder in ("nowhere", "workloads"):
        checkout.configure()
        text = (checkout.root / "pyproject.toml").read_text(encoding="utf-8")
        (checkout.root / "pyproject.toml").write_text(
            text.replace('"workloads"', f'"{folder}"'), encoding="utf-8"
        )
        done = checkout.accelbench("run", "good")
        assert done.err == (
            "Error: unknown workload 'good'; known: none, for "
            f"{checkout.root / folder} holds no workload file\n"
        )
