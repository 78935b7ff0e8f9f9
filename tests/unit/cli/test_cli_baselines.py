"""accelbench baselines: what is stored, who accepted it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench import workload_files
from accelbench.cli import main
from accelbench.records import Evaluation, Run
from accelbench.store import Baselines
from accelbench.store.baselines import SCOPES

MakeRun = Callable[..., Run]
Store = Callable[..., Path]

SOURCE = """
FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 10, "rate": 0.5}
TIERS = {}
"""


def accelbench(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["baselines", *arguments])


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bench" / "workloads").mkdir(parents=True)
    (tmp_path / "bench" / "workloads" / "alpha.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(checkout: Path, make_run: MakeRun) -> Store:
    """Stores six runs of two sessions, recorded with the workload file as it is; changes by name.

    Returns the portable file.
    """

    def keep(count: int = 6, reason: str = "first", segment: bool = False, **more: object) -> Path:
        found = workload_files.read(checkout / "bench" / "workloads" / "alpha.py")
        runs = [
            make_run(
                **{
                    "run_id": f"{reason}-{number}",
                    "seed": number,
                    "session_id": f"session-{number % 2}",
                    "evaluation": Evaluation(0.5, 360, 0.90 + 0.01 * number),
                    "workload_fingerprint": f"{found.fingerprint}-10",
                    **more,
                }
            )
            for number in range(count)
        ]
        pairs = [(run, scope) for run in runs for scope in SCOPES]
        Baselines(checkout / "baselines").add(pairs, reason, "A Person", segment=segment)
        return checkout / "baselines" / "alpha" / "portable.jsonl"

    return keep


def test_an_empty_folder_lists_nothing() -> None:
    assert (accelbench("list").exit_code, accelbench("list").output) == (0, "")


def test_every_key_is_listed_with_runs_and_sessions(store: Store) -> None:
    store(params=(("rate", 0.1),))
    assert accelbench("list").output.splitlines() == [
        "alpha/cpu-model-1-2-cores.jsonl: alpha rate=0.1 on cpu, digits, 2 epochs, float32-eager: "
        "6 runs in 2 sessions",
        "alpha/portable.jsonl: alpha rate=0.1, digits, 2 epochs, float32-eager: "
        "6 runs in 2 sessions",
    ]


def test_damaged_lines_are_named_beside_the_list(store: Store) -> None:
    path = store()
    path.write_text(path.read_text() + "junk\n")
    result = accelbench("list")
    assert result.exit_code == 0
    assert f"left out: {path}:7: not JSON" in result.stderr
    assert "6 runs in 2 sessions" in result.stdout


def test_a_workload_is_explained_with_spread_reason_and_person(store: Store) -> None:
    store()
    store(reason="new driver", segment=True)
    text = accelbench("explain", "alpha").output
    assert "accuracy               0.925 +- 0.019 (6 runs, 0.9 to 0.95) fraction" in text
    assert "loss                   0.5 +- 0 (6 runs, 0.5 to 0.5)\n" in text  # it has no unit
    assert "throughput             1000 +- 0 (6 runs, 1000 to 1000) samples/s" in text
    assert "accepted by A Person: new driver (segment 2)" in text
    assert "first" not in text


def test_one_run_has_no_spread(store: Store) -> None:
    store(count=1)
    assert "0.9 (1 run) fraction" in accelbench("explain", "alpha").output


def test_an_unknown_workload_and_one_without_runs_are_one_line_each() -> None:
    unknown = accelbench("explain", "alhpa")
    assert unknown.exit_code == 1
    assert "unknown workload 'alhpa' (did you mean alpha?)" in unknown.output
    without = accelbench("explain", "alpha")
    assert without.exit_code == 1
    assert "alpha has no reference runs: pytest bench -m cpu -k alpha --update-" in without.output


def test_lint_finds_nothing_wrong_with_sound_files(store: Store) -> None:
    store()
    result = accelbench("lint")
    assert result.exit_code == 0
    assert result.output == "2 files, 2 references, 0 problems\n"


def test_lint_names_lines_that_cannot_be_read(store: Store) -> None:
    path = store()
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n{}\n")
    result = accelbench("lint")
    assert result.exit_code == 1
    assert f"{path}:7: the same run as in line 1" in result.output
    assert f"{path}:8: not a run: Line: field segment is missing" in result.output
    assert "2 problems" in result.output


def test_lint_finds_seeds_that_were_used_twice(store: Store) -> None:
    store(seed=3)
    result = accelbench("lint")
    assert result.exit_code == 1
    assert "two runs share a seed: they are one draw, not two" in result.output


def test_lint_finds_references_too_few_to_judge_by(store: Store) -> None:
    store(count=4)
    assert "4 runs; 5 are needed to judge" in accelbench("lint").output


def test_lint_lets_a_deterministic_workload_have_one(store: Store, checkout: Path) -> None:
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(SOURCE + "EXACT_DIGITS = 4\n")
    workload_files.read.cache_clear()
    store(count=1)
    assert accelbench("lint").exit_code == 0


def test_lint_finds_what_an_edit_has_left_behind(store: Store, checkout: Path) -> None:
    store()
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(SOURCE.replace("0.5", "0.25"))
    workload_files.read.cache_clear()
    result = accelbench("lint")
    assert result.exit_code == 1
    assert "recorded with another version of the workload file" in result.output


def test_lint_is_content_once_the_edited_workload_was_recorded_anew(
    store: Store, checkout: Path
) -> None:
    store(count=4)
    store(reason="other", params=(("rate", 0.1),))
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(SOURCE.replace("0.5", "0.25"))
    workload_files.read.cache_clear()
    store(reason="again")
    result = accelbench("lint")
    assert result.exit_code == 1
    assert "4 runs" not in result.output
    assert result.output.count("recorded with another version") == 2  # portable, and the CPU's
    store(reason="other again", params=(("rate", 0.1),))
    result = accelbench("lint")
    assert result.output == "2 files, 8 references, 0 problems\n"
    assert result.exit_code == 0


def test_the_list_marks_what_is_of_an_older_version_of_the_file(
    store: Store, checkout: Path
) -> None:
    store()
    assert "older version" not in accelbench("list").output
    path = checkout / "bench" / "workloads" / "alpha.py"
    path.write_text(SOURCE.replace("0.5", "0.25"))
    workload_files.read.cache_clear()
    store(count=5, reason="again")
    portable = [line for line in accelbench("list").output.splitlines() if "portable" in line]
    assert portable == [
        "alpha/portable.jsonl: alpha, digits, 2 epochs, float32-eager: 6 runs in 2 sessions "
        "(older version of the file)",
        "alpha/portable.jsonl: alpha, digits, 2 epochs, float32-eager: 5 runs in 2 sessions",
    ]
    path.unlink()
    assert "older version" not in accelbench("list").output


def test_lint_finds_runs_of_a_workload_that_is_gone(store: Store, checkout: Path) -> None:
    store()
    (checkout / "bench" / "workloads" / "alpha.py").unlink()
    result = accelbench("lint")
    assert result.exit_code == 1
    assert "unknown workload 'alpha'" in result.output


def test_lint_finds_a_file_under_the_wrong_platform(store: Store) -> None:
    path = store()
    (path.parent / "cpu-model-1-2-cores.jsonl").rename(path.parent / "cpu-other.jsonl")
    result = accelbench("lint")
    assert result.exit_code == 1
    assert "6 runs belong to the file cpu-model-1-2-cores.jsonl" in result.output


def test_no_file_is_changed_by_being_shown(store: Store) -> None:
    path = store()
    before = path.read_bytes()
    for arguments in (["list"], ["explain", "alpha"], ["lint"]):
        accelbench(*arguments)
    assert path.read_bytes() == before
