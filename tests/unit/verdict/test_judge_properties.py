"""What holds of any verdict: order, unit, worse input, and any numbers whatever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelbench import codec, metrics
from accelbench.records import Reading, Verdict
from accelbench.verdict import Floor, JudgeOptions, Point, judge, statuses
from accelbench.verdict.evidence import BASE, FRESH, METHODS, NEW, PAIRED_CODE, UNPAIRED

ACCURACY = metrics.metric("accuracy")
LOSS = metrics.metric("loss")
SECONDS = metrics.metric("epoch_seconds")
THROUGHPUT = metrics.metric("throughput")

RANK = {
    statuses.IMPROVED: 0,
    statuses.PASSED: 1,
    statuses.BLIND: 1,
    statuses.MORE: 2,
    statuses.INCONCLUSIVE: 2,
    statuses.REGRESSED: 3,
    statuses.FAILED: 3,
}
"""From good to bad; `more` will be any of the last three."""

# Two digits: ties are as usual as they are among accuracies.
VALUE = st.integers(80, 120).map(lambda v: v / 100)
FRESH_VALUES = st.lists(VALUE, min_size=8, max_size=8)


def points(values: Sequence[float], role: str = "screen", first: int = 0) -> list[Point]:
    return [
        Point(Reading(v), f"s{first + i:03}", f"{first + i:03}", role=role, pair=i)
        for i, v in enumerate(values)
    ]


def options(level: float, method: str = UNPAIRED, effect: float | None = None) -> JudgeOptions:
    return JudgeOptions(rerun=True, alpha_night=level, method=method, smallest_effect=effect)


@dataclass(frozen=True)
class Cell:
    """Values of one metric; `which` of the fresh ones is made worse, `by` so many logarithms."""

    stored: list[float]
    nights: list[float]
    value: float
    fresh: list[float]
    base: list[float]
    metric: metrics.Metric
    method: str
    level: float
    which: int
    by: float

    @property
    def worse(self) -> list[float]:
        """The fresh values, one of them worse."""
        by = self.metric.worse * self.by
        return [v * math.exp(by * (i == self.which)) for i, v in enumerate(self.fresh)]

    def judged(
        self,
        *,
        value: float | None = None,
        fresh: Sequence[float] | None = None,
        unit: float = 1.0,
        asked: JudgeOptions | None = None,
    ) -> Verdict:
        """Return the verdict, with some values put in place of the cell's own, in some unit."""

        def scaled(values: Sequence[float], role: str = "screen", first: int = 0) -> list[Point]:
            return points([v * unit for v in values], role, first)

        made = self.fresh if fresh is None else fresh
        runs = scaled([self.value if value is None else value])
        runs += [*scaled(made, FRESH), *scaled(made, NEW), *scaled(self.base, BASE)]
        nights = scaled(self.nights, first=50)
        how = asked or options(self.level, self.method, 0.0)
        return judge(self.metric, scaled(self.stored), nights, runs, how)


def cells(metric: st.SearchStrategy[metrics.Metric], *methods: str) -> st.SearchStrategy[Cell]:
    return st.builds(
        Cell,
        st.lists(VALUE, min_size=12, max_size=20),
        st.lists(VALUE, max_size=10),
        VALUE,
        FRESH_VALUES,
        FRESH_VALUES,
        metric,
        st.sampled_from(methods or METHODS),
        st.sampled_from([0.01, 1.0, 5.0]),
        st.integers(0, 7),
        st.floats(0, 3),
    )


ANY_METRIC = st.sampled_from([LOSS, SECONDS, THROUGHPUT])


# ------------------------------------------------------------------------------ order and unit
@given(cells(ANY_METRIC), st.data())
def test_the_order_of_the_stored_runs_changes_no_bit(cell: Cell, data: st.DataObject) -> None:
    stored, nights = points(cell.stored), points(cell.nights, first=50)
    # Twins in all but their control, and their number of trials.
    stored += [replace(p, control=0.1 + p.reading.value * i) for i, p in enumerate(stored[:6])]
    stored += [replace(p, reading=replace(p.reading, trials=9)) for p in stored[:3]]
    runs = [replace(p, control=1.1) for p in (*points([cell.value]), *points(cell.fresh, FRESH))]
    mixed = data.draw(st.permutations(stored)), data.draw(st.permutations(nights))
    verdicts = [
        judge(cell.metric, some, others, runs, options(1.0, cell.method))
        for some, others in ((stored, nights), mixed)
    ]
    assert codec.dumps(verdicts[0]) == codec.dumps(verdicts[1])


@given(cells(ANY_METRIC), st.sampled_from([1e-3, 1e3, 60.0, 2.0**10, 1 / 3600]))
def test_the_unit_of_a_quantity_does_not_matter(cell: Cell, unit: float) -> None:
    verdicts = [
        cell.judged(unit=by, asked=replace(options(1.0, cell.method), floor=Floor(1.195 * by)))
        for by in (1.0, unit)
    ]
    one, two = verdicts
    assert one.status == two.status
    assert one.suspected_by == two.suspected_by
    for name in ("p_value", "effect", "detectable"):
        expected = getattr(one, name)
        wanted = None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-9)
        assert getattr(two, name) == wanted
    if one.bound is not None:
        assert two.bound == pytest.approx(one.bound * unit)


# --------------------------------------------------------------------------------- worse input
@given(cells(ANY_METRIC, PAIRED_CODE, UNPAIRED))
@settings(max_examples=200)
def test_a_worse_first_run_is_suspected_by_no_less(cell: Cell) -> None:
    worse = cell.value * math.exp(cell.metric.worse * cell.by)
    before, after = cell.judged(fresh=[]), cell.judged(value=worse, fresh=[])
    assert set(after.suspected_by) >= set(before.suspected_by)
    assert RANK[after.status] >= RANK[before.status]


@given(cells(st.sampled_from([SECONDS, THROUGHPUT]), PAIRED_CODE, UNPAIRED))
@settings(max_examples=200)
def test_a_worse_first_run_of_a_device_metric_never_gets_a_better_status(cell: Cell) -> None:
    worse = cell.value * math.exp(cell.metric.worse * cell.by)
    assert RANK[cell.judged(value=worse).status] >= RANK[cell.judged().status]


@given(cells(st.just(LOSS)))
@settings(max_examples=200)
def test_a_first_run_worse_than_all_fresh_seeds_never_gets_a_better_status_by_more(
    cell: Cell,
) -> None:
    # Among them, or equal to one, it may: it is ranked with the stored runs, above one more of the
    # fresh ones than before.
    value = math.nextafter(max(cell.value, *cell.fresh), math.inf)
    worse = value * math.exp(cell.by)
    assert RANK[cell.judged(value=worse).status] >= RANK[cell.judged(value=value).status]


@given(cells(st.just(LOSS)))
@settings(max_examples=300)
def test_a_worse_fresh_seed_never_gets_a_better_status(cell: Cell) -> None:
    assert RANK[cell.judged(fresh=cell.worse).status] >= RANK[cell.judged().status]


@given(cells(st.sampled_from([SECONDS, THROUGHPUT]), PAIRED_CODE))
@settings(max_examples=300)
def test_a_worse_new_side_of_a_pair_never_gets_a_better_status(cell: Cell) -> None:
    assert RANK[cell.judged(fresh=cell.worse).status] >= RANK[cell.judged().status]


@given(cells(ANY_METRIC, PAIRED_CODE, UNPAIRED))
def test_a_worse_night_never_gets_a_better_status(cell: Cell) -> None:
    # All its runs: a single one that is worse shows, unpaired, that tonight's runs scatter.
    worse = [v * math.exp(cell.metric.worse * cell.by) for v in cell.fresh]
    assert RANK[cell.judged(fresh=worse).status] >= RANK[cell.judged().status]


@given(cells(st.just(ACCURACY)))
def test_a_collapse_among_the_fresh_runs_never_turns_a_regression_into_a_pass(cell: Cell) -> None:
    # It leaves the shift to the others, which may then be too few: inconclusive at best.
    def of(values: Sequence[float], role: str = "screen") -> list[Point]:
        return points([1 - v / 10 for v in values], role)

    down = [9.0 if i == cell.which else v for i, v in enumerate(cell.fresh)]
    how = replace(options(cell.level, effect=0.0), chance=0.1)
    verdicts = [
        judge(ACCURACY, of(cell.stored), [], [*of([cell.value]), *of(some, FRESH)], how)
        for some in (cell.fresh, down)
    ]
    if verdicts[0].status == statuses.REGRESSED:
        assert RANK[verdicts[1].status] > RANK[statuses.PASSED]


@given(st.lists(st.floats(0.5, 2.0), min_size=1, max_size=20), ANY_METRIC, st.sampled_from(METHODS))
def test_a_value_absurdly_worse_than_all_stored_never_passes(
    stored: list[float], metric: metrics.Metric, method: str
) -> None:
    absurd = 1e6 if metric.worse > 0 else 1e-6
    asked = JudgeOptions(method=method, smallest_effect=1e9)
    verdict = judge(metric, points(stored), [], points([absurd]), asked)
    assert verdict.status in {"inconclusive", "learning"}
