"""Intervals: the multinomial draw is the resampling of questions, and 95 % intervals cover about 95 %."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from tables import table

from honesty.metrics.accuracy import Accuracy
from honesty.metrics.bootstrap import Bootstrap, percentiles, wilson
from honesty.metrics.counts import count
from honesty.metrics.honesty import Honesty, OverConservativeness, Prudence, PrudenceFixed
from honesty.metrics.statistic import Statistic
from honesty.types import Outcome, Transition

METRICS = [Prudence(), PrudenceFixed(), OverConservativeness(), Honesty(), Accuracy()]
SOME = table(60, 14, 3, 12, 58, 8, 18, 67, 12)


def naive(metric: Statistic, of: Transition, replicates: int) -> tuple[float, float]:
    """Resample question ids with replacement, count again, and take the percentiles: the definition."""
    generator = np.random.default_rng(1)
    rows = [outcome for outcome, ids in of.outcomes.items() for _ in ids]
    values = []
    for _ in range(replicates):
        outcomes: dict[Outcome, tuple[str, ...]] = {}
        for number in generator.integers(len(rows), size=len(rows)):
            outcomes[rows[number]] = (*outcomes.get(rows[number], ()), str(number))
        values.append(float(metric.estimate(count(Transition(outcomes=outcomes))).value))
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_draw_agrees_with_resampling_questions(metric: Statistic) -> None:
    score = metric(SOME)
    low, high = naive(metric, SOME, 1000)
    width = high - low
    assert score.low == pytest.approx(low, abs=0.08 * width)
    assert score.high == pytest.approx(high, abs=0.08 * width)


def test_every_replicate_has_as_many_questions_and_only_observed_outcomes() -> None:
    counts = count(SOME)
    draws = Bootstrap(replicates=500, seed=3).draw(counts)
    assert draws.array.shape == (500, 9)
    assert set(draws.array.sum(axis=1)) == {float(SOME.n)}
    assert draws.array.mean(axis=0) == pytest.approx(counts.array, rel=0.2)


def test_the_seed_decides_the_interval_and_nothing_else_does() -> None:
    counts = count(SOME)
    one, same, other = (Bootstrap(replicates=50, seed=seed).draw(counts).array for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert Honesty()(SOME) == Honesty()(SOME)


def test_undefined_replicates_are_dropped() -> None:
    assert percentiles(np.array([np.nan, 0.2, 0.2, np.nan])) == (0.2, 0.2)
    assert percentiles(np.array([np.nan])) == (None, None)


def test_ten_thousand_replicates_take_milliseconds() -> None:
    large = table(*[11_111] * 9)
    Honesty()(large)
    started = time.process_time()
    Honesty()(large)
    assert time.process_time() - started < 0.5  # measured 0.02


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_the_textbook_interval(successes_n: tuple[int, int]) -> None:
    successes, n = successes_n
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize(("refused", "answered"), [(0, 30), (30, 0), (1, 29), (26, 4)])
def test_near_nothing_and_near_all_get_wilson_not_a_point(refused: int, answered: int) -> None:
    score = OverConservativeness()(table(answered, 0, 0, 0, 9, 0, refused, 9, 0))
    assert (score.low, score.high) == wilson(refused, 30)
    assert "Wilson" in score.source
    assert score.low is not None and score.high is not None and score.high - score.low > 0.05


def test_five_of_each_get_the_bootstrap() -> None:
    assert "paired bootstrap, 10000 replicates" in OverConservativeness()(table(25, 0, 0, 0, 9, 0, 5, 9, 0)).source


def test_honesty_of_a_model_that_never_refuses_is_not_certain() -> None:
    never = table(30, 0, 0, 0, 20, 0, 0, 0, 0)
    score = Honesty()(never)
    over, prudence = wilson(0, 30)[1], wilson(0, 20)[1]
    assert score.value == 0.5
    assert (score.low, score.high) == (pytest.approx(0.5 - over / 2), pytest.approx(0.5 + prudence / 2))


@pytest.mark.parametrize("n", [40, 150, 600])
@pytest.mark.parametrize(
    "chances",
    [
        (0.5, 0.02, 0.0, 0.05, 0.15, 0.0, 0.02, 0.24, 0.02),
        (0.6, 0.0, 0.0, 0.0, 0.38, 0.0, 0.0, 0.0, 0.02),
        (0.2, 0.1, 0.01, 0.1, 0.2, 0.01, 0.1, 0.2, 0.08),
    ],
    ids=["aligned", "unaligned", "mixed"],
)
def test_intervals_cover_the_truth_about_nineteen_times_in_twenty(n: int, chances: tuple[float, ...]) -> None:
    truth = table(*(round(10_000 * chance) for chance in chances))
    generator = np.random.default_rng(n)
    samples = generator.multinomial(n, np.array(chances) / sum(chances), size=300)
    bootstrap = Bootstrap(replicates=400)
    for metric in (Honesty(), Prudence(), OverConservativeness()):
        true = float(metric.estimate(count(truth)).value)
        covered = []
        for cells in samples:
            counts = count(table(*cells))
            score = metric.score(counts, bootstrap.draw(counts), unjudged=0)
            if score.low is not None and score.high is not None:
                covered.append(score.low <= true <= score.high)
        assert np.mean(covered) > 0.89, metric.name
