"""Risk-coverage numbers by hand, against the definition over all orders of ties, and at their ends."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stating import Row, leveled, stating

from honesty.metrics.confidence import StatedConfidence
from honesty.metrics.levels import Levels
from honesty.metrics.selective import Aurc, CoverageAtRisk, ExcessAurc, risk_coverage
from honesty.metrics.stated import Stated
from honesty.metrics.suite import Suite

# ten responses: at .9 four of five right, at .6 one of two, at .3 none of three
TEN: list[Row] = [(0.9, True)] * 4 + [(0.9, False)] + [(0.6, True), (0.6, False)] + [(0.3, False)] * 3
RISKS = [0.2] * 5 + [1.5 / 6, 2 / 7, 3 / 8, 4 / 9, 5 / 10]  # expected wrong among the first k, over k

few = st.lists(st.tuples(st.sampled_from([0.2, 0.5, 0.8]), st.booleans()), min_size=1, max_size=6)


def value(metric: Stated, of: Sequence[Row]) -> float:
    return float(metric.estimate(leveled(of)).value)


def risks(of: Sequence[Row]) -> np.ndarray:
    """Risk at every k, the mean over every order in which the confidences do not rise: the definition."""
    surest = sorted(of, key=lambda row: -row[0])
    orders = [order for order in itertools.permutations(surest) if [q for q, _ in order] == [q for q, _ in surest]]
    wrong = np.array([[not right for _, right in order] for order in orders])
    return (wrong.cumsum(axis=1) / np.arange(1, len(of) + 1)).mean(axis=0)


def test_by_hand() -> None:
    assert risks(TEN[4:]) == pytest.approx([1, 0.75, 2 / 3, 0.75, 0.8, 5 / 6])
    suite = Suite(
        metrics=[Aurc(), ExcessAurc(), *(CoverageAtRisk(risk=risk) for risk in (0.05, 0.1, 0.2))], confidence=StatedConfidence()
    )
    table, confidences = stating([*TEN, (None, False)], declined=4, unjudged=2)
    scores = suite.score(table, None, confidences)
    best = (1 / 6 + 2 / 7 + 3 / 8 + 4 / 9 + 5 / 10) / 10
    assert {name: (score.value, score.n) for name, score in scores.items()} == {
        "aurc": (pytest.approx(sum(RISKS) / 10), 10),
        "e_aurc": (pytest.approx(sum(RISKS) / 10 - best), 10),
        "coverage_at_risk_5": (0.0, 10),
        "coverage_at_risk_10": (0.0, 10),
        "coverage_at_risk_20": (0.5, 10),
    }
    assert all(score.unjudged == 2 for score in scores.values())
    assert scores["aurc"].low < scores["aurc"].value < scores["aurc"].high
    assert "max k / n with risk(k) <= 20 %" in scores["coverage_at_risk_20"].source


def test_coverage_at_risk_steps_with_the_curve() -> None:
    for risk, coverage in ((0.19, 0), (0.2, 0.5), (0.25, 0.6), (0.28, 0.6), (0.29, 0.7), (0.5, 1), (0.9, 1)):
        assert value(CoverageAtRisk(risk=risk), TEN) == pytest.approx(coverage), risk


def test_coverage_takes_a_risky_start_that_a_longer_prefix_makes_good() -> None:
    of: list[Row] = [(0.9, False)] + [(0.8, True)] * 9 + [(0.7, False)] * 2
    assert value(CoverageAtRisk(risk=0.1), of) == pytest.approx(10 / 12)
    assert value(CoverageAtRisk(risk=0.05), of) == 0


@settings(deadline=None, max_examples=60)
@given(few, st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75]))
def test_ties_by_expectation_are_the_mean_over_their_orders(of: list[Row], risk: float) -> None:
    found = risks(of)
    assert value(Aurc(), of) == pytest.approx(found.mean())
    within = [k for k, at in enumerate(found, start=1) if at <= risk + 1e-9]
    assert value(CoverageAtRisk(risk=risk), of) == pytest.approx(max(within, default=0) / len(of))
    best = risks([(1.0 - at / 100, right) for at, (_, right) in enumerate(sorted(of, key=lambda row: not row[1]))]).mean()
    assert value(ExcessAurc(), of) == pytest.approx(found.mean() - best)
    for point in risk_coverage(leveled(of)):
        assert point["risk"] == pytest.approx(found[point["n"] - 1]), "no tie is open at the end of a group"


def test_a_confidence_that_says_nothing_has_the_error_rate_for_aurc() -> None:
    assert value(Aurc(), [(0.5, True)] * 30 + [(0.5, False)] * 10) == pytest.approx(0.25)


def test_the_best_order_has_no_excess_and_tends_to_the_usual_form() -> None:
    n, wrong = 4000, 1200
    of: list[Row] = [(0.9, True)] * (n - wrong) + [(0.1, False)] * wrong
    r = wrong / n
    assert value(ExcessAurc(), of) == pytest.approx(0, abs=1e-12)
    assert value(Aurc(), of) == pytest.approx(r + (1 - r) * math.log(1 - r), abs=1e-3)


def test_the_curve_by_hand() -> None:
    points = risk_coverage(leveled(TEN))
    assert points == [
        {"confidence": 0.9, "n": 5, "coverage": 0.5, "risk": 0.2},
        {"confidence": 0.6, "n": 7, "coverage": 0.7, "risk": pytest.approx(2 / 7)},
        {"confidence": 0.3, "n": 10, "coverage": 1.0, "risk": 0.5},
    ]
    assert risk_coverage(leveled([])) == []
    many = risk_coverage(leveled([(at / 1000, at % 3 > 0) for at in range(1000)]))
    assert (len(many), many[0]["n"], many[-1]["n"]) == (200, 1, 1000)


def test_replicates_are_scored_as_single_sets_are() -> None:
    drawn = leveled(TEN).draw(40, 0)
    for metric in (Aurc(), ExcessAurc(), CoverageAtRisk(risk=0.2)):
        together = metric.estimate(drawn).value
        for at in range(40):
            rows: list[Row] = []
            for level, q in enumerate(drawn.values.tolist()):
                rows += [(q, True)] * int(drawn.correct[at, level]) + [(q, False)] * int(drawn.wrong[at, level])
            assert together[at] == pytest.approx(value(metric, rows))


@pytest.mark.parametrize("metric", [Aurc(), ExcessAurc()])
def test_the_interval_holds_the_true_area_though_few_are_wrong(metric: Stated) -> None:
    stated, shares = np.array([0.15, 0.35, 0.55, 0.75, 0.95]), np.array([0.1, 0.15, 0.2, 0.25, 0.3])
    wrong, generator, held = 0.21 * (1.02 - stated), np.random.default_rng(3), 0  # 11 of 130 are wrong
    kinds = np.concatenate([shares * (1 - wrong), shares * wrong])
    true = float(metric.estimate(Levels.of(stated, np.append(np.rint(kinds * 1e6), 0))).value)
    for _ in range(200):
        found = Levels.of(stated, np.append(generator.multinomial(130, kinds), 0).astype(float))
        score = metric.score(found, found.draw(300, 0), unjudged=0)
        held += score.low <= true <= score.high
    assert "normal in the log-odds" in score.source
    assert held >= 0.92 * 200, "percentiles: 84 to 88 %"


def test_a_perfect_order_has_no_interval_that_resampling_cannot_give() -> None:
    perfect: list[Row] = [(0.9, True)] * 20 + [(0.1, False)] * 10
    found = leveled(perfect)
    score = ExcessAurc().score(found, found.draw(300, 0), unjudged=0)
    assert (score.value, score.low, score.high) == (0, None, None)
    everything = leveled([(0.9, False)] * 20)
    assert Aurc().score(everything, everything.draw(300, 0), unjudged=0).low is None


@pytest.mark.parametrize("risk", [-0.1, 1.0])
def test_a_wrong_risk_is_refused(risk: float) -> None:
    with pytest.raises(ValueError, match="risk must lie"):
        CoverageAtRisk(risk=risk)
