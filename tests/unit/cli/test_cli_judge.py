"""accelbench judge: runs made elsewhere, judged by the stored ones, and every verdict again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from accelbench import codec
from accelbench.cases import Judgement
from accelbench.cli import main
from accelbench.records import Evaluation, Run, State, Verdict
from accelbench.store import Baselines
from accelbench.store.history import line_of
from accelbench.store.keeper import Keeper

MakeRun = Callable[..., Run]
Runs = Callable[..., list[Run]]
Write = Callable[..., str]

WORKLOAD = """
FRAMEWORK = "numpy"
TRAINED_BY = "own"
PARAMETERS = {"batch_size": 10, "rate": 0.5}
TIERS = {"smoke": [
    {"dataset": "digits", "epochs": 2, "gates": ["accuracy"]},
    {"dataset": "digits", "epochs": 3, "gates": [], "expect": "diverged"},
]}
"""

SAMPLES = 1_000_000
STEADY = [0.95 + 0.0001 * number for number in range(-6, 6)]
WIDE = [0.95 + 0.001 * number for number in range(-5, 5)]
LOOSE = [0.95 + 0.01 * number for number in range(-6, 6)]


def accelbench(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["judge", *arguments], input=stdin)


def one_line(result: Result, status: int) -> str:
    """Return the one line of an error that was expected; no traceback."""
    assert result.exit_code == status
    assert isinstance(result.exception, SystemExit)
    line = result.output.strip().splitlines()[-1]
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bench" / "workloads").mkdir(parents=True)
    (tmp_path / "bench" / "workloads" / "alpha.py").write_text(WORKLOAD)
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def runs(make_run: MakeRun) -> Runs:
    """Makes a run for each accuracy, one seed and one minute each: `runs([0.9, 0.8], "night")`."""

    def make(accuracies: Sequence[float], name: str = "new", **changes: object) -> list[Run]:
        first = sum(map(ord, name)) * 100
        return [
            make_run(
                **{
                    "run_id": f"{name}-{number}",
                    "session_id": f"{name}-{number % 3}",
                    "time": f"2026-03-04T05:{number:02}:00+00:00",
                    "seed": first + number,
                    "evaluation": Evaluation(0.5, SAMPLES, accuracy),
                    **changes,
                }
            )
            for number, accuracy in enumerate(accuracies)
        ]

    return make


@pytest.fixture
def references(checkout: Path, runs: Runs) -> Callable[..., None]:
    """Stores reference runs, of the portable metrics and of this machine's."""

    def keep(accuracies: Sequence[float], **changes: object) -> None:
        made = runs(accuracies, "reference", **changes)
        pairs = [(run, scope) for run in made for scope in ("portable", "device")]
        Baselines(checkout / "baselines").add(pairs, "first", "A Person", segment=False)  # type: ignore[arg-type]  # the two scopes

    return keep


@pytest.fixture
def written(checkout: Path) -> Write:
    """Writes runs as JSON lines and returns the file's name."""

    def write(made: Sequence[Run], name: str = "runs.jsonl") -> str:
        (checkout / name).write_text("".join(codec.dumps(run) + "\n" for run in made))
        return name

    return write


def judgements(path: Path) -> list[Judgement]:
    return [codec.loads(Judgement, line) for line in path.read_text().splitlines()]


# -------------------------------------------------------------------- every status, and again
STATUSES: dict[str, tuple[list[float], list[float], list[str]]] = {
    "passed": (STEADY, [0.95], []),
    "blind": (LOOSE, [0.95], []),
    "improved": (STEADY, [0.97] * 9, []),
    "regressed": (STEADY, [0.9304, *(0.93 + 0.0001 * n for n in range(8))], []),
    "more": (STEADY, [0.93], []),
    "inconclusive": (WIDE, [0.93, *[0.9455, 0.9465, 0.9475, 0.9485] * 2], []),
    "learning": (STEADY[:4], [0.95], []),
    "new": ([], [0.95], []),
    "failed": (STEADY, [math.nan], []),
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_be_reached_written_and_replayed_bit_for_bit(
    status: str, references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    stored, new, options = STATUSES[status]
    references(stored)
    result = accelbench(written(runs(new)), "--json", "out.jsonl", *options)
    verdict = judgements(checkout / "out.jsonl")[0].verdict
    assert verdict.status == status
    shown = "inconclusive" if status == "more" else status
    assert f"1 verdict: 1 {shown}\n" in result.stdout
    assert result.exit_code == (1 if status in {"regressed", "failed"} else 0)
    again = accelbench("--replay", "out.jsonl")
    assert again.exit_code == 0
    # A pass has nothing to say; of all others the whole message is shown again.
    *told, last = again.output.splitlines()
    assert last == "1 verdict replayed, all equal"
    assert bool(told) == (status != "passed")
    for head in told[:1]:
        assert head.startswith("alpha on cpu, seed ")
        assert head.endswith(f", run new-0: accuracy {shown}")
    assert accelbench("--replay", "out.jsonl", "--about", "run new-0").output.startswith("alpha on")
    assert accelbench("--replay", "out.jsonl", "--about", "run new-7").exit_code == 1


@pytest.mark.parametrize("status", STATUSES)
def test_strict_fails_for_everything_that_is_not_settled(
    status: str, references: Callable[..., None], runs: Runs, written: Write
) -> None:
    stored, new, options = STATUSES[status]
    references(stored)
    result = accelbench(written(runs(new)), "--strict", *options)
    assert result.exit_code == (0 if status in {"passed", "improved", "learning"} else 1)


def test_a_regression_says_all_that_it_rests_on(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY, treatment=(("python", "3.11.0"),))
    accuracies = STATUSES["regressed"][1]
    result = accelbench(written(runs(accuracies, treatment=(("python", "3.12.1"),))))
    _, message = result.stdout.split("1 verdict: 1 regressed\n")
    assert message.startswith("alpha: accuracy regressed: 0.9304 against 0.94995, median of ")
    assert all(line.startswith("  ") for line in message.splitlines()[1:])
    for part in (
        "median of 12 reference runs in 3 sessions since 2026-03-04",
        " points (95 % interval -",
        "8 new runs judged by fresh seeds",
        ", its share of 1 % false alarms a session",
        "suspected by screen",
        "differs in python: 3.11.0 -> 3.12.1",
    ):
        assert part in message


def test_a_suspicion_says_how_many_fresh_runs_decide(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.93])))
    assert "accuracy inconclusive: 0.93 against" in result.stdout
    assert "3 more fresh runs decide" in result.stdout


def test_a_new_cell_says_that_nothing_is_stored(runs: Runs, written: Write) -> None:
    result = accelbench(written(runs([0.95])))
    assert "alpha: accuracy new: 0.95\n  no reference runs of it" in result.stdout


def test_the_first_run_by_time_is_screened_wherever_it_stands_in_the_file(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    first, *later = runs([0.93, 0.951, 0.952])
    accelbench(written([*later, first]), "--json", "out.jsonl")
    points = judgements(checkout / "out.jsonl")[0].case.runs
    assert [(point.role, point.reading.value) for point in points] == [
        ("screen", 0.93),
        ("fresh", 0.951),
        ("fresh", 0.952),
    ]


def test_two_runs_of_one_seed_are_one_draw(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.93, 0.93], seed=5)), "--json", "out.jsonl")
    assert len(judgements(checkout / "out.jsonl")[0].case.runs) == 1
    assert "note: accuracy of run new-1 left out: seed 5 is that of new-0" in result.stderr


def test_a_run_is_not_its_own_reference(
    references: Callable[..., None], runs: Runs, checkout: Path
) -> None:
    references(STEADY)
    stored = checkout / "baselines" / "alpha" / "portable.jsonl"
    (checkout / "one.jsonl").write_text(stored.read_text().splitlines()[0])
    accelbench("one.jsonl", "--json", "out.jsonl")
    assert judgements(checkout / "out.jsonl")[0].verdict.reference_runs == 11


# ---------------------------------------------------------------------------- what is read
def test_all_forms_that_accelbench_writes_are_read(
    references: Callable[..., None], runs: Runs, checkout: Path
) -> None:
    references(STEADY)
    first, second, third = runs([0.95, 0.9501, 0.9502])
    (checkout / "pretty.json").write_text(json.dumps(codec.to_json(first), indent=2))
    (checkout / "list.json").write_text(json.dumps([codec.to_json(second)]))
    (checkout / "history.jsonl").write_text(codec.dumps(line_of(third)) + "\n")
    accelbench("pretty.json", "list.json", "history.jsonl", "--json", "out.jsonl")
    points = judgements(checkout / "out.jsonl")[0].case.runs
    assert [point.reading.value for point in points] == [0.95, 0.9501, 0.9502]


def test_runs_come_through_a_pipe(references: Callable[..., None], runs: Runs) -> None:
    references(STEADY)
    result = accelbench("-", stdin=codec.dumps(runs([0.95])[0]))
    assert "1 verdict: 1 passed" in result.stdout


def test_bad_lines_are_named_and_the_others_count(
    references: Callable[..., None], runs: Runs, checkout: Path
) -> None:
    references(STEADY)
    run = codec.dumps(runs([0.95])[0])
    bad = ["{torn", "[1]", '{"state": "completed"}', '{"schema": 99, "run": {}}', run]
    (checkout / "runs.jsonl").write_text("\n".join([run, *bad]) + "\n")
    result = accelbench("runs.jsonl")
    assert result.exit_code == 0
    assert "1 verdict: 1 passed" in result.stdout
    said = [line for line in result.stderr.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ", 2)[1] for line in said] == [f"runs.jsonl:{n}" for n in range(2, 7)]
    for text, line in zip(
        ("not JSON", "an object is", "field", "schema 99 is newer", "run new-0 was read"),
        said,
        strict=True,
    ):
        assert text in line


def test_a_file_without_any_run_is_one_line(checkout: Path) -> None:
    (checkout / "empty.jsonl").write_text("")
    assert one_line(accelbench("empty.jsonl"), 1) == "empty.jsonl: no run can be read"


def test_a_run_that_crashed_is_a_failure_and_one_that_had_to_diverge_is_not(
    runs: Runs, written: Write
) -> None:
    crashed = runs([0.9], "crashed", state=State("crashed", "SIGSEGV"), message="it died\nhere")
    result = accelbench(written(crashed))
    assert result.exit_code == 1
    assert "alpha on cpu: (crashed(SIGSEGV)) failed: expected completed: it died" in result.stdout
    diverged = runs([0.9], "diverged", state=State("diverged"), epochs=())
    expected = [replace(run, spec=replace(run.spec, epochs=3)) for run in diverged]
    assert accelbench(written(diverged)).exit_code == 1
    assert accelbench(written(expected)).exit_code == 0


# ------------------------------------------------------------------------- what is judged by
def test_a_baseline_is_given_as_a_file_or_a_folder(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    (checkout / "baselines").rename(checkout / "elsewhere")
    name = written(runs([0.95]))
    assert "1 new" in accelbench(name).stdout
    for place in ("elsewhere", "elsewhere/alpha/portable.jsonl"):
        assert "1 passed" in accelbench(name, "--baseline", place).stdout
    plain = written(runs(STEADY, "plain"), "plain.jsonl")  # as `accelbench run` wrote them
    assert "1 passed" in accelbench(name, "--baseline", plain).stdout


def test_only_the_latest_segment_is_a_reference(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references([0.5] * 5)
    made = [(run, "portable") for run in runs(STEADY, "later")]
    Baselines(checkout / "baselines").add(made, "new", "A Person", segment=True)  # type: ignore[arg-type]  # a scope
    assert "1 passed" in accelbench(written(runs([0.95]))).stdout


def test_an_edited_workload_is_not_judged_by_what_it_was(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.5], workload_fingerprint="edited-10")))
    assert result.exit_code == 0
    assert "1 verdict: 1 workload changed" in result.stdout


def kept(folder: Path, made: Sequence[Run], status: str) -> str:
    keeper = Keeper(folder)
    for run in made:
        keeper.keep(line_of(run, (Verdict("accuracy", status),)))
    keeper.close()
    return folder.name


def test_accepted_nights_of_the_history_join_the_reference_in_the_screen(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    folder = checkout / "history"
    kept(folder, runs(STEADY, "night"), "passed")
    kept(folder, runs([0.5] * 3, "bad night"), "regressed")
    accelbench(written(runs([0.95])), "--history", "history", "--json", "out.jsonl")
    verdict = judgements(checkout / "out.jsonl")[0].verdict
    assert (verdict.reference_runs, verdict.history_runs) == (12, 12)


def test_without_a_baseline_the_history_stands_in_for_one(
    runs: Runs, written: Write, checkout: Path
) -> None:
    kept(checkout / "history", runs(STEADY, "night"), "new")
    result = accelbench(written(runs([0.95])), "--history", "history", "--json", "out.jsonl")
    verdict = judgements(checkout / "out.jsonl")[0].verdict
    assert (verdict.reference_runs, verdict.history_runs) == (12, 0)
    assert "1 passed" in result.stdout


# ----------------------------------------------------------------------------------- options
def test_what_the_command_line_says_reaches_the_judge(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    arguments = ["--screen=0.2", "--alpha=0.05", "--gates=40", "--chance=0.3", "--floor"]
    more = ["accuracy=0.9:strict", "--smallest-effect", "accuracy=0.01", "--json", "out.jsonl"]
    accelbench(written(runs([0.95])), *arguments, *more)
    options = judgements(checkout / "out.jsonl")[0].case.options
    assert (options.screen, options.alpha_night, options.gates) == (0.2, 0.05, 40)
    assert (options.chance, options.smallest_effect, options.rerun) == (0.3, 0.01, True)
    assert options.floor is not None
    assert (options.floor.limit, options.floor.strict) == (0.9, True)


def test_what_nobody_says_is_found_out(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    accelbench(written(runs([0.95])), "--metric=loss", "--metric=accuracy", "--json=out.jsonl")
    made = judgements(checkout / "out.jsonl")
    assert [each.case.metric for each in made] == ["loss", "accuracy"]
    assert {each.case.options.gates for each in made} == {2}
    assert {each.case.options.chance for each in made} == {0.1}  # of ten digits


def test_a_workload_without_a_file_is_judged_by_what_both_sides_have(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    (checkout / "bench" / "workloads" / "alpha.py").unlink()
    accelbench(written(runs([0.95])), "--json", "out.jsonl")
    made = judgements(checkout / "out.jsonl")
    assert [each.case.metric for each in made] == ["accuracy", "loss", "throughput"]


def test_a_broken_strict_floor_fails_at_once(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.95])), "--floor", "accuracy=0.96:strict")
    assert result.exit_code == 1
    assert "accuracy is 0.95, below its floor of 0.96" in result.stdout


def test_pairs_are_made_by_order_and_the_screened_run_is_in_none(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    new = written(runs([0.9] * 6, step_seconds_p50=0.012), "new.jsonl")
    base = written(runs([0.9] * 4, "base"), "base.jsonl")
    paired = ["--method=paired(code)", "--base", base, "--metric=throughput"]
    result = accelbench(new, *paired, "--json", "out.jsonl")
    made = judgements(checkout / "out.jsonl")[0]
    roles = [(point.role, point.pair) for point in made.case.runs]
    assert roles == [
        ("screen", 0),
        *(("new", number) for number in range(1, 5)),
        *(("base", number) for number in range(1, 5)),
    ]
    assert made.case.options.method == "paired(code)"
    assert "note: throughput of 1 run left out, without another side of a pair" in result.stderr


def test_timings_of_a_busy_host_are_void(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    busy = runs([0.95] * 2, "busy", foreign_cpu_cores=0.5)
    arguments = ["--metric=throughput", "--metric=accuracy", "--json", "out.jsonl"]
    result = accelbench(written(busy), *arguments)
    assert "alpha on cpu: throughput contended: other processes used over 0.1 c" in result.stdout
    assert [each.case.metric for each in judgements(checkout / "out.jsonl")] == ["accuracy"]
    result = accelbench(written([*busy, *runs([0.95])]), *arguments)
    assert "note: throughput of 2 runs left out: other processes" in result.stderr
    assert [len(each.case.runs) for each in judgements(checkout / "out.jsonl")] == [1, 3]


def test_runs_on_another_unit_are_a_second_units(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> None:
    references(STEADY)
    ours = runs([0.9] * 2, "ours", treatment=(("unit", "0"),))
    other = runs([0.9] * 2, "theirs", treatment=(("unit", "1"),))
    accelbench(written([*ours, *other]), "--metric=throughput", "--json", "out.jsonl")
    case = judgements(checkout / "out.jsonl")[0].case
    assert sorted(point.role for point in case.runs) == ["fresh", "screen"] + ["second unit"] * 2
    assert case.options.units == 2


def test_judgements_go_to_stdout_alone_and_the_table_aside(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.95])), "--json", "-")
    assert codec.loads(Judgement, result.stdout).verdict.status == "passed"
    assert "1 verdict: 1 passed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either RUNS, or --replay FILE, or --convergence FILE"),
        (["RUNS", "--replay", "RUNS"], "give either RUNS, or --replay FILE"),
        (["--convergence", "RUNS"], "--convergence and --reference belong together"),
        (["RUNS", "--reference", "RUNS"], "--convergence and --reference belong together"),
        (["RUNS", "--base", "RUNS"], "--base RUNS belongs to --method"),
        (["RUNS", "--method", "paired(code)"], "--base RUNS belongs to --method"),
        (["RUNS", "--metric", "speed"], "unknown metric 'speed'; known: accuracy"),
        (["RUNS", "--floor", "accuracy"], "accuracy: METRIC=VALUE[:strict] is expected"),
        (["RUNS", "--floor", "speed=1"], "unknown metric 'speed'"),
        (["RUNS", "--floor", "loss=1:hard"], "loss=1:hard: a floor is METRIC=VALUE or"),
        (["RUNS", "--floor", "loss=nan"], "loss=nan: a finite number is expected"),
        (["RUNS", "--smallest-effect", "loss=x"], "loss=x: 'x' is not a number"),
        (["RUNS", "--smallest-effect", "loss=0"], "loss=0: the smallest effect is above 0"),
        (["RUNS", "--screen", "1.5"], "1.5 is not in the range 0<x<1"),
        (["RUNS", "--gates", "0"], "0 is not in the range x>=1"),
        (["missing.jsonl"], "File 'missing.jsonl' does not exist"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(
    arguments: list[str], message: str, runs: Runs, written: Write
) -> None:
    name = written(runs([0.95]))
    result = accelbench(*[name if each == "RUNS" else each for each in arguments])
    assert message in one_line(result, 2)


def test_an_unwritable_file_is_one_line(
    references: Callable[..., None], runs: Runs, written: Write
) -> None:
    references(STEADY)
    result = accelbench(written(runs([0.95])), "--json", "no/such/folder.jsonl")
    assert one_line(result, 1).startswith("cannot write no/such/folder.jsonl: No such file")


# ------------------------------------------------------------------------------------ replay
@pytest.fixture
def judged(
    references: Callable[..., None], runs: Runs, written: Write, checkout: Path
) -> list[str]:
    """The lines of two judgements."""
    references(STEADY)
    name = written(runs(STATUSES["regressed"][1]))
    accelbench(name, "--metric=accuracy", "--metric=loss", "--json", "out.jsonl")
    return (checkout / "out.jsonl").read_text().splitlines()


def test_a_difference_of_one_bit_is_shown_by_field(judged: list[str], checkout: Path) -> None:
    value = json.loads(judged[0])
    p = value["verdict"]["p_value"]
    value["verdict"]["p_value"] = math.nextafter(p, 1)
    value["verdict"]["status"] = "passed"
    (checkout / "changed.jsonl").write_text(f"{json.dumps(value)}\n{judged[1]}\n")
    result = accelbench("--replay", "changed.jsonl")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-3:] == [
        'changed.jsonl:1: accuracy: status: "passed" -> "regressed"',
        f"changed.jsonl:1: accuracy: p_value: {math.nextafter(p, 1)!r} -> {p!r}",
        "2 verdicts replayed, 1 differ",
    ]


def test_one_pretty_printed_judgement_is_replayed(judged: list[str], checkout: Path) -> None:
    (checkout / "one.json").write_text(json.dumps(json.loads(judged[0]), indent=2))
    result = accelbench("--replay", "one.json")
    assert result.exit_code == 0
    assert result.stdout.endswith("\n1 verdict replayed, all equal\n")


def test_what_cannot_be_replayed_is_named_and_the_others_count(
    judged: list[str], checkout: Path
) -> None:
    newer = json.dumps({**json.loads(judged[0]), "schema": 2})
    unknown = judged[0].replace('"accuracy"', '"speed"')
    lines = [judged[0], judged[1][:50], newer, unknown, "{}", "[]"]
    (checkout / "mixed.jsonl").write_text("\n".join(lines))
    result = accelbench("--replay", "mixed.jsonl")
    assert result.exit_code == 1
    assert result.stdout.endswith("\n1 verdict replayed, all equal\n")
    said = result.stderr.splitlines()
    assert [line.split(": ", 2)[1] for line in said] == [f"mixed.jsonl:{n}" for n in range(2, 7)]
    for text, line in zip(
        (
            "not JSON",
            "schema 2 is newer than",
            "unknown metric 'speed'",
            "not a judg",
            "not a judg",
        ),
        said,
        strict=True,
    ):
        assert text in line


def test_an_empty_file_replays_nothing_and_is_no_success(checkout: Path) -> None:
    (checkout / "empty.jsonl").write_text("")
    result = accelbench("--replay", "empty.jsonl")
    assert (result.exit_code, result.stdout) == (1, "0 verdicts replayed, all equal\n")
