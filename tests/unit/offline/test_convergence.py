"""MLPerf's convergence points: our verdict beside the RCP rule's, and where they differ."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench import codec
from accelbench.cases import Judgement
from accelbench.cli import main
from accelbench.offline import convergence
from accelbench.offline.points import ConvergenceError, Points, read_points, read_reference
from accelbench.verdict import JudgeOptions

REFERENCE = (40.0, 41.0, 41.0, 42.0, 42.0, 43.0, 43.0, 44.0, 44.0, 50.0)
"""Trimmed mean 42.5, spread root 7: five runs pass from a trimmed mean of 39.2166 on."""

Save = Callable[..., str]


def record(epochs: list[object], size: object = 256) -> dict[str, object]:
    return {
        "Benchmark": "resnet",
        "Creator": "somebody",
        "When": "before the 1.0 submission",
        "Platform": "one machine",
        "BS": size,
        "Hyperparams": {"opt_base_learning_rate": 0.1},
        "Epochs to converge": epochs,
    }


@pytest.fixture
def save(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Save:
    """Writes a JSON file into the working folder and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(name: str, content: object) -> str:
        (tmp_path / name).write_text(json.dumps(content))
        return name

    return write


@pytest.fixture
def shown(save: Save) -> Callable[..., Result]:
    """Judges points of batch size 256 against the reference: `shown([41, 42], "--strict")`."""

    def judge(epochs: list[object], *arguments: str, **more: object) -> Result:
        save(
            "reference.json",
            {
                "resnet_ref_256": {**record([*REFERENCE]), **more},
                "resnet_ref_512": {**record([60.0] * 10, 512), **more},
            },
        )
        save("points.json", {"BS": 256, "Epochs to converge": epochs})
        names = ["--convergence", "points.json", "--reference", "reference.json"]
        return CliRunner().invoke(main, ["judge", *names, *arguments])

    return judge


def lines(result: Result) -> dict[str, str]:
    """Return the five parts by their first word, folded lines joined; the last one as `end` too."""
    parts = result.stdout.replace("\n           ", "; ").splitlines()
    found = {line.split()[0]: line for line in parts}
    assert list(found) == ["reference", "points", "accelbench", "RCP", "compared"]
    return {**found, "end": found["compared"].removeprefix("compared   ")}


# ------------------------------------------------------------------------------ side by side
def test_points_like_the_reference_pass_both(shown: Callable[..., Result]) -> None:
    result = shown([42, 43, 41, 44, 42])
    said = lines(result)
    assert result.exit_code == 0
    assert said["reference"].endswith("resnet_ref_256: 10 runs, 40 to 50, batch size 256")
    assert said["points"].endswith("points: 5 runs, 41 to 44, batch size 256")
    assert said["RCP"].startswith("RCP rule   passes: trimmed mean 42.333 >= 39.217; p 0.46 of ")
    assert said["end"] == "both see the same: no change"


def test_too_fast_is_what_the_checker_looks_for_and_ours_needs_more_runs(
    shown: Callable[..., Result],
) -> None:
    result = shown([36, 37, 35, 36, 37])
    said = lines(result)
    assert result.exit_code == 0
    assert "RCP rule   fails, too fast: trimmed mean 36.333 < 39.217; p 0.0037" in said["RCP"]
    assert said["end"].startswith("they differ: no change for accelbench, faster for the RCP rule")
    assert said["end"].endswith("calls a gain improved once 8 fresh runs confirm it")


def test_too_slow_is_our_question_and_passes_the_checker(shown: Callable[..., Result]) -> None:
    result = shown([52, 53, 54, 52, 53, 55, 54, 53, 52])
    said = lines(result)
    assert result.exit_code == 1
    assert (
        "accelbench regressed: 52 against 42.5, median of 10 reference runs" in said["accelbench"]
    )
    assert "8 new runs judged by fresh seeds" in said["accelbench"]
    assert said["RCP"].startswith("RCP rule   passes: ")
    assert "of being slower, which it does not look at" in said["RCP"]
    assert said["end"] == "both see the same: slower"


def test_eight_fresh_runs_confirm_what_is_faster(shown: Callable[..., Result]) -> None:
    said = lines(shown([35, 36, 35, 34, 36, 35, 36, 34, 35]))
    assert said["accelbench"].startswith("accelbench improved: 35 against 42.5")
    assert said["end"] == "both see the same: faster"


def test_a_suspicion_with_too_few_points_says_how_many_more_decide(
    shown: Callable[..., Result],
) -> None:
    result = shown([52, 53, 54, 52, 53])
    said = lines(result)
    assert (result.exit_code, shown([52, 53, 54, 52, 53], "--strict").exit_code) == (0, 1)
    assert "accelbench inconclusive: 52 against 42.5" in said["accelbench"]
    assert said["accelbench"].endswith("4 more fresh runs decide")
    assert said["end"].startswith("they differ: undecided for accelbench, slower for the RCP rule")
    assert "4 more are needed to decide at 0.00083; the rule tests at 0.05" in said["end"]


@pytest.mark.parametrize("never", [None, "inf", "Infinity"])
def test_one_run_that_never_converged_is_trimmed_and_two_fail(
    shown: Callable[..., Result], never: object
) -> None:
    one = lines(shown([42, 43, never, 44, 42]))
    assert one["points"].endswith("5 runs, 42 to inf, batch size 256, 1 never reached the target")
    assert one["RCP"].startswith("RCP rule   passes: trimmed mean 43 >= 39.217")
    two = lines(shown([42, never, never, 44, 42]))
    assert two["RCP"].startswith("RCP rule   fails: 2 runs never reached the target")


def test_a_first_run_that_never_converged_is_suspected(shown: Callable[..., Result]) -> None:
    said = lines(shown([None, 43, 41, 44, 42]))
    assert "accelbench inconclusive: 50 against 42.5" in said["accelbench"]
    assert "target not reached" in said["accelbench"]


def test_unet3d_is_trimmed_by_four(shown: Callable[..., Result]) -> None:
    said = lines(shown([42, 43, 41, 44, 42], Benchmark="unet3d"))
    assert said["RCP"] == (
        "RCP rule   cannot be asked: it trims 4 at either end: 9 new and 10 reference runs at "
        "least, not 5 and 10"
    )
    assert said["end"] == "only accelbench has an answer"


def test_the_rate_can_be_chosen(shown: Callable[..., Result]) -> None:
    said = lines(shown([52, 53, 54, 52, 53], "--alpha", "0.9"))
    assert said["accelbench"].startswith("accelbench regressed")


def test_its_judgement_can_be_written_and_replayed(shown: Callable[..., Result]) -> None:
    result = shown([52, 53, None, 52, 53], "--json", "-")
    assert result.stderr.startswith("reference  resnet_ref_256")
    assert codec.loads(Judgement, result.stdout).verdict.status == "more"
    Path("out.json").write_text(result.stdout)
    again = CliRunner().invoke(main, ["judge", "--replay", "out.json"])
    assert again.exit_code == 0
    told = again.stdout.splitlines()
    assert told[0] == "points against resnet_ref_256: epochs_to_accuracy inconclusive"
    # Points have no dates.
    assert told[1] == "  52 against 42.5, median of 10 reference runs in 1 session, bound 46.966"
    assert told[-1] == "1 verdict replayed, all equal"


def test_a_reference_run_that_never_converged_leaves_nothing_to_compare() -> None:
    stored = Points("stored", (*REFERENCE, math.inf))
    found = convergence.compared(Points("new", (42.0,) * 5), stored, JudgeOptions())
    assert found.rcp.obstacle == "1 reference runs never reached the target"
    assert found.judgement.verdict.status == "inconclusive"


def test_without_any_run_that_converged_nothing_can_be_compared() -> None:
    with pytest.raises(ConvergenceError, match="no run of the points or of the reference reached"):
        convergence.compared(Points("a", (math.inf,)), Points("b", (math.inf,)), JudgeOptions())


# --------------------------------------------------------------------------------- the files
def test_points_may_have_the_references_layout(save: Save) -> None:
    found = read_points(Path(save("points.json", {"ours": record([1, 2.5], 32)})))
    assert found == Points("ours", (1.0, 2.5), 32.0, "resnet", "before the 1.0 submission")


def test_samples_count_as_epochs_do(save: Save) -> None:
    content = {"BS": 8, "samples to converge": [3072, 3456]}
    assert read_points(Path(save("points.json", content))).epochs == (3072.0, 3456.0)


def test_without_a_batch_size_the_only_reference_is_taken(save: Save) -> None:
    path = Path(save("reference.json", {"one": record([1], 32)}))
    assert read_reference(path, None).batch_size == 32


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [
        (
            {"a": record([1], 32), "b": record([1], 64)},
            48.0,
            "no single record has 48; the batch s",
        ),
        ({"a": record([1], 32), "b": record([1], 64)}, None, "say BS in the points; .*: 32, 64$"),
        ({"a": record([])}, None, 'a: "Epochs to converge" must be a list of numbers'),
        ({"a": {"BS": 1}}, None, 'a: "Epochs to converge" must be a list of numbers'),
        ({"a": record([1, "soon"])}, None, 'a number above 0, null or "inf" is expected, not \'so'),
        ({"a": record([0])}, None, "is expected, not 0"),
        ({"a": record([True])}, None, "is expected, not True"),
        ({"a": record([1], "big")}, None, "a: BS must be a number, not 'big'"),
        ({"a": 3}, None, "a: an object is expected"),
        ([], None, "an object is expected"),
        ({}, None, "an object is expected"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line(
    content: object, size: float | None, message: str, save: Save
) -> None:
    with pytest.raises(ConvergenceError, match=message):
        read_reference(Path(save("reference.json", content)), size)


def test_two_records_are_no_points(save: Save) -> None:
    with pytest.raises(ConvergenceError, match=r'"Epochs to converge": .* is expected'):
        read_points(Path(save("points.json", {"a": record([1]), "b": record([1])})))


def test_what_is_not_json_is_one_line_of_the_command(save: Save, tmp_path: Path) -> None:
    save("reference.json", {"a": record([1])})
    (tmp_path / "points.json").write_text("{torn")
    arguments = ["judge", "--convergence", "points.json", "--reference", "reference.json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: points.json: not JSON (")
