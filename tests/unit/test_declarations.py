"""What workload files declare is read without running them, and every mistake is one clear line."""

from __future__ import annotations

import ast
import json
import math
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import accelbench
from accelbench import workload_files
from accelbench.declarations import (
    Cell,
    Declaration,
    DeclarationError,
    effects_of,
    floors_of,
)
from accelbench.fingerprint import code_fingerprint
from accelbench.records import Floor

BENCH = Path(__file__).parents[2] / "bench" / "workloads"

SOURCE = '''"""alpha: a claim."""
FRAMEWORK = "torch"
TRAINED_BY = "own"
INPUT = [28, 28]
EXACT_DIGITS = 4
PARAMETERS = {"rate": 0.1, "batch_size": 8, "fused": True, "optimizer": "sgd",
              "steps": 5, "train_samples": 0}
CHOICES = {"optimizer": ["sgd", "adam"]}
TIERS = {
    "smoke": [
        {"dataset": "digits", "epochs": 2, "gates": ["loss"],
         "params": {"rate": 1, "fused": False}},
        {"dataset": "inline", "epochs": 1, "gates": [], "expect": "diverged"},
    ],
    "paper": [{"dataset": "mnist", "epochs": 1, "gates": ["accuracy", "loss"]}],
}
raise SystemExit("this file must be read, never run")
'''


def written(folder: Path, source: str, name: str = "alpha") -> Path:
    path = folder / f"{name}.py"
    path.write_text(source, encoding="utf-8")
    return path


@pytest.fixture
def alpha(tmp_path: Path) -> Declaration:
    return workload_files.read(written(tmp_path, SOURCE))


def test_a_file_is_read_without_being_run(alpha: Declaration) -> None:
    assert (alpha.name, alpha.framework, alpha.trained_by) == ("alpha", "torch", "own")
    assert alpha.input_size == (28, 28)
    assert alpha.exact_digits == 4
    assert alpha.series == "float32-eager"
    assert dict(alpha.defaults)["batch_size"] == 8


def test_cells_come_from_the_tier_with_typed_parameters(alpha: Declaration) -> None:
    first, second = alpha.cells("smoke")
    assert first == Cell("alpha", "digits", 2, ("loss",), (("fused", False), ("rate", 1.0)))
    assert first.name == "alpha-fused=False-rate=1.0"
    assert second.expect == "diverged"
    assert alpha.cells("nightly") == ()


def test_every_workload_of_this_checkout_can_be_read() -> None:
    found = list(workload_files.every(BENCH))
    assert [each.name for each in found] == sorted(path.stem for path in BENCH.glob("*.py"))
    assert all(each.cells("smoke") or each.name == "data_loading" for each in found)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("alhpa", "unknown workload 'alhpa' (did you mean alpha?); known: alpha"), ("zz", "'zz'; kn")],
)
def test_an_unknown_workload_is_named_with_the_nearest_and_all(
    tmp_path: Path, name: str, hint: str
) -> None:
    written(tmp_path, SOURCE)
    written(tmp_path, SOURCE, "_helper")
    with pytest.raises(DeclarationError) as caught:
        workload_files.find(tmp_path, name)
    assert hint in str(caught.value)
    assert "_helper" not in str(caught.value)


def test_a_folder_without_workloads_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match=f"known: none, for {tmp_path} holds no workload"):
        workload_files.find(tmp_path, "alpha")


def test_an_unknown_parameter_is_named_with_the_nearest_and_all(alpha: Declaration) -> None:
    with pytest.raises(DeclarationError) as caught:
        alpha.params({"batchsize": 4})
    assert str(caught.value) == (
        "workload alpha has no parameter 'batchsize' (did you mean batch_size?); "
        "it has: rate, batch_size, fused, optimizer, steps, train_samples"
    )


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch_size", "8", "takes a whole number such as 8, not '8'"),
        ("batch_size", 8.0, "takes a whole number such as 8, not 8.0"),
        ("batch_size", True, "takes a whole number such as 8, not True"),
        ("batch_size", 0, "must be 1 or more, not 0"),
        ("steps", 0, "must be 1 or more, not 0"),
        ("train_samples", -1, "must be 0 or more, not -1"),
        ("rate", "fast", "takes a number such as 0.1, not 'fast'"),
        ("rate", True, "takes a number such as 0.1, not True"),
        ("rate", float("nan"), "must be finite, not nan"),
        ("rate", float("inf"), "must be finite, not inf"),
        ("fused", 1, "takes true or false such as True, not 1"),
        ("optimizer", None, "takes a text such as 'sgd', not None"),
        ("optimizer", "adm", "is one of sgd, adam, not 'adm'"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_would(
    alpha: Declaration, key: str, value: object, message: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        alpha.params({key: value})
    assert str(caught.value) == f"parameter {key} of workload alpha {message}"


def test_a_whole_number_is_taken_for_a_number(alpha: Declaration) -> None:
    assert repr(alpha.params({"rate": 1})) == "(('rate', 1.0),)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ({"rate": "1e-3"}, 0.001),
        ({"rate": "2"}, 2.0),
        ({"batch_size": "16"}, 16),
        ({"fused": "False"}, False),
        ({"fused": "true"}, True),
        ({"optimizer": "adam"}, "adam"),
    ],
)
def test_texts_of_a_command_line_take_the_parameters_type(
    alpha: Declaration, text: dict[str, str], value: object
) -> None:
    ((_, parsed),) = alpha.parsed(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "text",
    [{"batch_size": "1.5"}, {"batch_size": "x"}, {"fused": "1"}, {"rate": "x"}, {"rate": "nan"}],
)
def test_texts_that_do_not_fit_are_refused(alpha: Declaration, text: dict[str, str]) -> None:
    with pytest.raises(DeclarationError, match="of workload alpha"):
        alpha.parsed(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_comes_back_from_its_text_to_the_last_digit(number: float) -> None:
    bare = Declaration(
        "a", Path("a"), "f", "own", "s", (("x", 0.5),), (), (0, 0), None, (), "0"
    )  # fmt: skip
    assert bare.parsed({"x": repr(number)}) == (("x", number),)


@pytest.mark.parametrize("name", ["FRAMEWORK", "TRAINED_BY", "PARAMETERS", "TIERS"])
def test_a_missing_declaration_is_named_with_the_file(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, SOURCE.replace(f"\n{name} =", "\nOTHER ="))
    with pytest.raises(DeclarationError, match=f"workload file {path} declares no {name}"):
        workload_files.read(path)


@pytest.mark.parametrize(
    "value", ["dict(rate=0.1)", "{'rate': RATE}", "{'rate': 10 ** -3}", "[x for x in ()]"]
)
def test_a_declaration_that_is_no_literal_is_named_with_its_line(
    tmp_path: Path, value: str
) -> None:
    path = written(tmp_path, f'FRAMEWORK = "torch"\n\nPARAMETERS = {value}\n')
    with pytest.raises(DeclarationError, match="PARAMETERS must be a literal") as caught:
        workload_files.read(path)
    assert f"{path}:3: " in str(caught.value)


def test_annotated_declarations_count_too(tmp_path: Path) -> None:
    source = SOURCE.replace("PARAMETERS =", "PARAMETERS: dict[str, object] =")
    assert dict(workload_files.read(written(tmp_path, source)).defaults)["rate"] == 0.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("INPUT = [28, 28]", "INPUT = 28", "INPUT must be [height, width]"),
        ('{"rate": 0.1,', '{"rate": None,', "a parameter must be a number or a text, not None"),
        ('"epochs": 2', '"epochs": "two"', "epochs must be a whole number, 1 or more, not 'two'"),
        ('"epochs": 2', '"epochs": 0', "epochs must be a whole number, 1 or more, not 0"),
        ('["accuracy", "loss"]', '["accuracy", "los"]', "unknown metric 'los' in gates"),
        ('"diverged"', '"crashed"', "expect is one of completed, diverged, not 'crashed'"),
        ('TRAINED_BY = "own"', 'TRAINED_BY = "owl"', "unknown way to train 'owl'"),
        ('"gates": ["loss"]', '"gate": ["loss"]', "unknown key gate in TIERS"),
        ('{"dataset": "digits", ', "{", "has no dataset"),
        (
            'CHOICES = {"optimizer"',
            'CHOICES = {"optimizer": 3, "x"',
            "CHOICES of optimizer must be a list, not 3",
        ),
        ('"smoke": [', '"nightly": 3, "smoke": [', "tier nightly of TIERS must be a list, not 3"),
        ('"smoke": [', '"smoek": [', "unknown tier 'smoek' (did you mean smoke?) in TIERS; known:"),
        ('"smoke": [', "7: [", "unknown tier 7 in TIERS; known: smoke, nightly, paper"),
        ('{"optimizer": [', '{"optimiser": [', "CHOICES for 'optimiser' (did you mean optimizer?)"),
        ('["sgd", "adam"]', '"sgd"', "CHOICES of optimizer must be a list, not 'sgd'"),
        (
            '["sgd", "adam"]',
            '["adam"]',
            "parameter optimizer of workload alpha is one of adam, not",
        ),
        ("DIGITS = 4", "DIGITS = 0", "EXACT_DIGITS must be a whole number, 1 or more, not 0"),
        ("DIGITS = 4", "DIGITS = 4.0", "EXACT_DIGITS must be a whole number, 1 or more, not 4.0"),
        ("DIGITS = 4", "DIGITS = True", "EXACT_DIGITS must be a whole number, 1 or more, not True"),
        ("DIGITS = 4", 'DIGITS = "4"', "EXACT_DIGITS must be a whole number, 1 or more, not '4'"),
        ('"batch_size": 8, ', "", 'PARAMETERS must have a "batch_size", a whole number'),
        ('"batch_size": 8', '"batch_size": 8.0', 'PARAMETERS must have a "batch_size", a whole'),
        ('"batch_size": 8', '"batch_size": 0', "batch_size of workload alpha must be 1 or more"),
        ('"steps": 5', '"steps": 0', "steps of workload alpha must be 1 or more, not 0"),
        ('"rate": 0.1', '"rate": 1e999', "rate of workload alpha must be finite, not inf"),
        ('"gates": ["loss"]', '"gates": "loss"', "gates must be a list, in every point of TIERS"),
        ('"torch"', '""', "FRAMEWORK must be the name of a module to import, not ''"),
        ('"torch"', '"torch."', "FRAMEWORK must be the name of a module to import, not 'torch.'"),
        ('"torch"', "3", "FRAMEWORK must be the name of a module to import, not 3"),
        *(
            ('"rate": 0.1', f'"{name}": 3, "rate": 0.1', f"a parameter cannot be named '{name}'")
            for name in ("workload", "dataset", "epochs", "gates", "expect")
        ),
        ('{"dataset": "digits"', '3, {"dataset": "digits"', "must be a dict, not 3"),
        ("PARAMETERS = {", "PARAMETERS = [] and {", "must be a literal"),
        ("TIERS = {", "TIERS = []\nX = {", "TIERS must be a dict"),
        ('"params": {"rate": 1,', '"params": {"rate": "x",', "parameter rate of workload alpha"),
        ('"params": {"rate": 1,', '"params": {"rata": 1,', "did you mean rate?"),
        ("raise SystemExit(", "def (", "cannot read workload file"),
    ],
)
def test_a_malformed_declaration_is_one_line_that_names_the_problem(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in SOURCE
    path = written(tmp_path, SOURCE.replace(old, new, 1))
    with pytest.raises(DeclarationError) as caught:
        workload_files.read(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cell_is_the_first_of_its_tier_but_for_what_is_said(alpha: Declaration) -> None:
    first = alpha.cells("smoke")[0]
    assert alpha.cell("smoke") == first
    assert alpha.cell("paper") == alpha.cells("paper")[0]
    assert alpha.cell("nightly") == first
    params = (("fused", False), ("rate", 0.5), ("steps", 7))
    assert alpha.cell("smoke", epochs=3, params=[("steps", 7), ("rate", 0.5)]) == Cell(
        "alpha", "digits", 3, ("loss",), params
    )
    assert alpha.cell("smoke", dataset="mnist", gates=[], expect="diverged") == Cell(
        "alpha", "mnist", 2, (), first.params, "diverged"
    )


def test_a_cell_that_is_given_keeps_what_is_not_said(alpha: Declaration) -> None:
    second = alpha.cells("smoke")[1]
    assert alpha.cell(second) == second
    assert alpha.cell(second, params=[("rate", 2)]) == replace(second, params=(("rate", 2.0),))


@pytest.mark.parametrize(
    ("size", "dataset"), [("INPUT = [28, 28]", "digits"), ("OTHER = 1", "inline")]
)
def test_without_any_cell_the_smallest_data_is_trained_on(
    tmp_path: Path, size: str, dataset: str
) -> None:
    source = SOURCE.replace("INPUT = [28, 28]", size).replace("TIERS =", "TIERS = {}\nOTHER =")
    bare = workload_files.read(written(tmp_path, source))
    assert bare.cell("paper") == Cell("alpha", dataset, 1, ())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"gates": "loss"}, "workload alpha: gates must be a list of metrics, not 'loss'"),
        ({"gates": 3}, "workload alpha: gates must be a list of metrics, not 3"),
        ({"epochs": 0}, "workload alpha: epochs must be a whole number, 1 or more, not 0"),
        ({"expect": ""}, "workload alpha: expect is one of completed, diverged, not ''"),
        ({"params": [("rate", "x")]}, "parameter rate of workload alpha takes a number such as"),
    ],
)
def test_a_cell_that_does_not_fit_is_one_line(
    alpha: Declaration, said: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        alpha.cell("smoke", **said)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "alpha.py"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(DeclarationError, match=f"cannot read workload file {path}"):
        workload_files.read(path)


# ----------------------------------------------------------------------------------- fingerprint
CODE = '''"""Doc."""

class A:
    """Doc."""

    def f(self, x: int = 1) -> str:
        """Doc."""
        async def g():
            """Doc."""
            return 1
        return f"{x!r:>{10}} {x:.3f} {'a' 'b'}" + "text"  # comment
'''

SAME = [
    CODE.replace('"""Doc."""', '"""Another text,\n    over lines."""'),
    CODE.replace("  # comment", ""),
    CODE.replace("  # comment", "  # another\n\n\n# comment\n"),
    CODE.replace("x: int = 1", "\n        x: int = 1,\n    "),
    CODE.replace('"text"', "'text'"),
    CODE.replace("    ", "  "),
    CODE.replace("'a' 'b'", "'ab'"),
]
DIFFERENT = [
    CODE.replace("return 1", "return 2"),
    CODE.replace("return 1", "return 1.0"),
    CODE.replace("return 1", "return True"),
    CODE.replace('"text"', '"Text"'),
    CODE.replace('"text"', 'b"text"'),
    CODE.replace("x: int = 1", "y: int = 1").replace("{x", "{y"),
    CODE.replace("x!r", "x!s"),
    CODE.replace(".3f", ".2f"),
    CODE.replace("async def", "def"),
    CODE.replace("class A", "class B"),
    CODE + "\nA()\n",
]


def fingerprint(source: str) -> str:
    return code_fingerprint(ast.parse(source))


@pytest.mark.parametrize("source", SAME)
def test_comments_docstrings_and_layout_do_not_change_the_fingerprint(source: str) -> None:
    assert source != CODE
    assert fingerprint(source) == fingerprint(CODE)


@pytest.mark.parametrize("source", DIFFERENT)
def test_code_changes_the_fingerprint(source: str) -> None:
    assert source != CODE
    assert fingerprint(source) != fingerprint(CODE)


def test_a_missing_docstring_is_as_good_as_any() -> None:
    assert fingerprint(CODE.replace('"""Doc."""', "")) == fingerprint(CODE)


def test_the_fingerprint_of_a_declaration_is_of_its_file(alpha: Declaration) -> None:
    assert alpha.fingerprint == fingerprint(SOURCE)
    assert len(alpha.fingerprint) == 16


def interpreter(version: str) -> str:
    """Return an interpreter of a version that starts; skips where there is none."""
    homes = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    paths = [shutil.which(f"python{version}"), *sorted(homes.glob(f"{version}*/bin/python"))]
    for path in map(str, filter(None, paths)):
        done = subprocess.run([path, "-c", ""], capture_output=True, check=False)
        if done.returncode == 0:
            return path
    pytest.skip(f"no Python {version} on this machine")


SCRIPT = """
import ast, json, sys
from accelbench.fingerprint import code_fingerprint
print(json.dumps([code_fingerprint(ast.parse(s)) for s in json.load(sys.stdin)]))
"""


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_fingerprint_is_the_same_on_every_python_of_a_session(version: str) -> None:
    sources = [CODE, *DIFFERENT, *(path.read_text() for path in sorted(BENCH.glob("*.py")))]
    done = subprocess.run(
        [interpreter(version), "-c", SCRIPT],
        input=json.dumps(sources),
        env={"PYTHONPATH": str(Path(accelbench.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [fingerprint(source) for source in sources]


# ---------------------------------------------------------------------- floors and smallest effects
def test_floors_are_soft_unless_they_say_strict() -> None:
    table = {"accuracy": 0.9, "loss": (2, "strict"), "throughput": [5, "strict"]}
    assert floors_of("alpha", table) == (
        ("accuracy", Floor(0.9)),
        ("loss", Floor(2.0, strict=True)),
        ("throughput", Floor(5.0, strict=True)),
    )


@pytest.mark.parametrize(
    "value",
    [
        "low",
        None,
        True,
        (True, "strict"),
        (1, "hard"),
        (1,),
        math.nan,
        math.inf,
        10**400,
        [1, 2, 3],
    ],
)
def test_what_is_no_floor_is_one_line(value: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        floors_of("alpha", {"loss": value})
    assert str(caught.value).startswith("workload alpha: the floor of loss must be a number, or (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["low", None, True, 0, -1, math.nan, math.inf, 10**400, (1, 2)])
def test_what_is_no_smallest_effect_is_one_line(value: object) -> None:
    with pytest.raises(DeclarationError) as caught:
        effects_of("alpha", {"loss": value})
    assert "the smallest effect of loss must be a number above 0, not " in str(caught.value)


@pytest.mark.parametrize("table", [0.9, "accuracy", ["accuracy", 0.9], None])
def test_floors_and_effects_go_by_metric(table: object) -> None:
    for read, what in ((floors_of, "floors"), (effects_of, "smallest effects")):
        with pytest.raises(DeclarationError, match=f"workload alpha: {what} go by metric, as in "):
            read("alpha", table)


COUNTING = """
def flops_per_sample(params):
    from accelbench.workers.flops import dense

    return dense(1, 1)
"""


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        (COUNTING, False),
        (COUNTING + "\nMANY = flops_per_sample({}) > 10", True),
        (COUNTING.replace("flops_per_sample", "other"), True),
        ("class Model:\n" + COUNTING.replace("\n", "\n    ").rstrip(), True),
        ("from accelbench.workers.flops import dense", True),
    ],
    ids=["alone", "called", "another name", "a method", "an import of the file"],
)
def test_the_counting_of_operations_does_not_count_unless_the_code_uses_it(
    code: str, counts: bool
) -> None:
    assert (fingerprint(f"{CODE}\n{code}\n") != fingerprint(CODE)) == counts


def test_the_suites_files_are_still_those_that_its_baselines_were_recorded_with() -> None:
    root = Path(__file__).parents[2]
    stored = {
        (path.parent.name, run["provenance"]["workload_fingerprint"].partition("-")[0])
        for path in (root / "baselines").glob("*/*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
        for run in [json.loads(line)["run"]]
    }
    assert stored
    for name, found in stored:
        assert (
            workload_files.read(root / "bench" / "workloads" / f"{name}.py").fingerprint == found
        ), name


def test_what_a_tier_gates_and_asks_for_is_not_part_of_the_fingerprint() -> None:
    with_tiers = CODE + '\nTIERS = {"smoke": [{"dataset": "d", "epochs": 1, "gates": []}]}\n'
    other = with_tiers.replace('"gates": []', '"gates": ["loss"], "floors": {"loss": 1}')
    assert fingerprint(with_tiers) == fingerprint(other) == fingerprint(CODE)
    assert fingerprint(with_tiers.replace("TIERS", "OTHER")) != fingerprint(CODE)


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("TIERS = {}", False),
        ("TIERS: dict[str, list[object]] = {}", False),
        ("TIERS = KNOWN = {}", True),
        ("TIERS = {}\nEPOCHS = len(TIERS)", True),
        ("OTHER = {}", True),
    ],
)
def test_tiers_do_not_count_unless_the_code_can_read_them(line: str, counts: bool) -> None:
    one, other = CODE + f"\n{line}\n", CODE + f"\n{line}\n".replace("{}", '{"smoke": []}')
    assert (fingerprint(one) != fingerprint(other)) == counts


def test_other_gates_leave_the_limits_behind_that_belong_to_none_of_them() -> None:
    limits = {"accuracy": Floor(0.5), "loss": Floor(2.0)}
    effects = {"accuracy": 0.02, "loss": 1.5}
    given = Cell(
        "alpha", "digits", 1, ("accuracy", "loss"),
        floors=tuple(limits.items()), smallest_effects=tuple(effects.items()),
    )  # fmt: skip
    kept = given.limited(["loss", "throughput"])
    assert kept.floors == (("loss", Floor(2.0)),)
    assert kept.smallest_effects == (("loss", 1.5),)
    assert kept.gates == given.gates
    assert given.limited([]).floors == ()
