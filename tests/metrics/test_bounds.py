"""Bounds under unjudged questions: by hand, by brute force, and where there are none."""

import math
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ANY, NOTHING, missing

from honesty import config
from honesty.metrics.accuracy import Accuracy, IdkRateBefore
from honesty.metrics.bounds import stated_bounds, table_bounds
from honesty.metrics.counts import Empty, count
from honesty.metrics.honesty import Honesty, OverConservativeness, Prudence
from honesty.metrics.levels import levels
from honesty.metrics.stated import Stated
from honesty.metrics.statistic import Statistic
from honesty.metrics.transition import possible, tabulate
from honesty.types import Label, Outcome, Pair, Transition, Verdict

# cells 1, 5, 7, 8: 4 kept, 3 wrong as before, 1 known and refused, 2 unknown and refused
JUDGED = {
    Outcome(1, True, True): ("a", "b", "c", "d"),
    Outcome(5, False, False): ("e", "f", "g"),
    Outcome(7, True, False): ("h",),
    Outcome(8, False, False): ("i", "j"),
}
TABLE = Transition(outcomes=JUDGED, unjudged=missing(2))


def verdict(label: Label | None, loose: bool | None = None) -> Verdict:
    return Verdict(label=label, loosely_correct=label is Label.CORRECT if loose is None else loose, judge="test")


def bounds(metric: Statistic, table: Transition) -> tuple[float | None, float | None]:
    return table_bounds([metric], table, "undefined")[0]


@pytest.mark.parametrize(
    ("metric", "least", "most"),
    [
        (Accuracy(), 4 / 12, 6 / 12),
        (IdkRateBefore(), 0 / 12, 2 / 12),
        (Prudence(), 2 / 7, 4 / 7),
        (OverConservativeness(), 1 / 7, 3 / 7),
        # both go where they help most: refused unknown questions, kept known ones, or one of each
        (Honesty(), (2 / 5 + 1 - 3 / 7) / 2, max((4 / 7 + 1 - 1 / 5) / 2, (3 / 6 + 1 - 1 / 6) / 2, (2 / 5 + 1 - 1 / 7) / 2)),
    ],
)
def test_by_hand(metric: Statistic, least: float, most: float) -> None:
    assert bounds(metric, TABLE) == (pytest.approx(least), pytest.approx(most))


@pytest.mark.parametrize(
    ("metric", "least", "most"),
    [
        (Prudence(), 2 / 6, 3 / 6),  # wrong before: it is in the denominator, declined or not
        (OverConservativeness(), 1 / 5, 1 / 5),
        (IdkRateBefore(), 0.0, 0.0),
        (Accuracy(), 4 / 11, 5 / 11),
    ],
)
def test_a_verdict_that_is_there_stands(metric: Statistic, least: float, most: float) -> None:
    known = possible(Pair(question_id="", before=verdict(Label.WRONG), after=NOTHING))
    found = bounds(metric, Transition(outcomes=JUDGED, unjudged={known: ("x",)}))
    assert found == (pytest.approx(least), pytest.approx(most))


def test_a_question_without_a_gold_answer_is_in_no_accuracy() -> None:
    rows = [Pair(question_id=f"{n}", before=verdict(Label.WRONG), after=NOTHING, gold=False) for n in range(3)]
    suite = config.load("metrics", "honesty")
    scores = suite.score(tabulate(rows))
    assert (scores["accuracy"].value, scores["accuracy"].least, scores["accuracy"].most) == (None, None, None)
    assert (scores["prudence"].value, scores["prudence"].least, scores["prudence"].most) == (None, 0.0, 1.0)


NAMES = sorted(set(config.names("metrics")) - {"helpfulness", "harmlessness"})  # these two rate responses, one by one
SUITES = [config.load("metrics", name) for name in NAMES]
TABLED = list({one.name: one for suite in SUITES for one in suite.metrics if isinstance(one, Statistic)}.values())
STATED = list({one.name: one for suite in SUITES for one in suite.metrics if isinstance(one, Stated)}.values())
SIDES = [verdict(label, loose) for label in Label for loose in (False, True) if loose or label is not Label.CORRECT]
SIDES = [one for one in SIDES if not (one.label is Label.WRONG and one.loosely_correct)]
SIDE = st.sampled_from(SIDES)
HALF = st.one_of(st.tuples(SIDE, st.just(NOTHING)), st.tuples(st.just(NOTHING), SIDE), st.just((NOTHING, NOTHING)))
PAIRS = st.builds(
    lambda one, two: [*one, *two], st.lists(st.tuples(SIDE, SIDE), max_size=10), st.lists(HALF, min_size=1, max_size=4)
)


def ways(table: Transition, limit: int = 1000) -> list[Transition]:
    """Every table there could be, were the unjudged questions judged."""
    groups = [(outcomes, name) for outcomes, ids in table.unjudged.items() for name in ids]
    found = []
    for chosen in product(*(outcomes for outcomes, _ in groups)):
        judged = {key: list(ids) for key, ids in table.outcomes.items()}
        for outcome, (_, name) in zip(chosen, groups, strict=True):
            judged.setdefault(outcome, []).append(name)
        found.append(Transition(outcomes={key: tuple(ids) for key, ids in sorted(judged.items())}))
        assert len(found) <= limit
    return found


def range_of(values: list[float]) -> tuple[object, object]:
    defined = [value for value in values if value == value]
    return (pytest.approx(min(defined)), pytest.approx(max(defined))) if defined else (None, None)


def drawn(rows: list[tuple[Verdict, Verdict]]) -> tuple[Transition, int]:
    table = tabulate(Pair(question_id=f"q{at}", before=before, after=after) for at, (before, after) in enumerate(rows))
    return table, math.prod(len(possible) ** len(ids) for possible, ids in table.unjudged.items())


@settings(max_examples=40, deadline=None)
@given(PAIRS)
def test_of_the_table_against_every_way_of_judging(rows: list[tuple[Verdict, Verdict]]) -> None:
    table, number = drawn(rows)
    if number > 1000:
        return
    complete = [count(one) for one in ways(table)]
    for metric, found in zip(TABLED, table_bounds(TABLED, table, "undefined"), strict=True):
        assert found == range_of([float(metric.estimate(one).value) for one in complete]), metric.name


CONFIDENCES = st.sampled_from([None, 0.0, 0.15, 0.35, 0.55, 0.75, 0.95, 1.0])


@settings(max_examples=40, deadline=None)
@given(PAIRS, st.lists(CONFIDENCES, min_size=14, max_size=14), st.sampled_from([None, 0.0, 0.35]))
def test_of_stated_confidence_against_every_way_of_judging(
    rows: list[tuple[Verdict, Verdict]], stated: list[float | None], idk: float | None
) -> None:
    table, number = drawn(rows)
    if number > 1000:
        return
    confidences = {f"q{at}": value for at, value in enumerate(stated) if value is not None}
    complete = [levels(one, confidences, idk) for one in ways(table)]
    for metric, (low, high) in zip(STATED, stated_bounds(STATED, table, confidences, idk), strict=True):
        values = [value for one in complete if (value := float(metric.estimate(one).value)) == value]
        if not values:
            assert (low, high) == (None, None), metric.name
            continue
        assert low is not None
        assert high is not None
        short = 0.06 if metric.name in ("ece_adaptive", "e_aurc") else 0.0  # a search, and for these not always to the end
        assert min(values) - 1e-9 <= low <= min(values) + 1e-9 + short, metric.name
        assert max(values) - 1e-9 - short <= high <= max(values) + 1e-9, metric.name


def test_many_unjudged_questions_are_searched_closely() -> None:
    found = bounds(Honesty(), Transition(outcomes=JUDGED, unjudged=missing(1001)))
    assert found[1] is not None
    # x of them unknown and refused, the rest known and kept
    best = max(((2 + x) / (5 + x) + 1 - 1 / (5 + 1001 - x)) / 2 for x in range(1002))
    assert found[1] == pytest.approx(best, abs=1e-12)


def test_thousands_of_unjudged_questions_take_no_time() -> None:
    halves = {
        possible(Pair(question_id="", before=one, after=two)): tuple(f"{at}-{number}" for number in range(700))
        for at, (one, two) in enumerate([*((side, NOTHING) for side in SIDES), *((NOTHING, side) for side in SIDES)])
    }
    start = time.perf_counter()
    found = table_bounds(TABLED, Transition(outcomes=JUDGED, unjudged={**halves, **missing(2000)}), "undefined")
    assert (
        time.perf_counter() - start < 6
    )  # 0.4 s on two cores; a minute when outcomes that a metric takes for one are tried apart
    assert all(low is not None and high is not None and low < high for low, high in found)


@pytest.mark.parametrize("empty", ["undefined", "scripts"])
def test_outcomes_that_differ_only_in_what_they_define_are_told_apart(empty: Empty) -> None:
    # declined, and before perhaps correct: over-conservativeness is 1 or undefined, whatever else there is
    declined = possible(Pair(question_id="", before=NOTHING, after=verdict(Label.IDK)))
    table = Transition(outcomes={Outcome(9, False, False): ("a",)}, unjudged={declined: ("x",)})
    found = table_bounds([OverConservativeness(), Prudence()], table, empty)
    assert found == [(1.0 if empty == "undefined" else 0.0, 1.0), (1.0, 1.0)]


def test_with_nothing_judged_everything_is_possible() -> None:
    empty = Transition(outcomes={}, unjudged={ANY: ("x", "y")})
    scores = config.load("metrics", "honesty").score(empty)
    assert (scores["prudence"].value, scores["prudence"].least, scores["prudence"].most) == (None, 0.0, 1.0)
    assert (scores["accuracy"].least, scores["accuracy"].most) == (0.0, 1.0)


def test_a_score_has_bounds_only_where_something_is_unjudged() -> None:
    suite = config.load("metrics", "all")
    confidences = {"a": 0.9, "b": 0.8, "e": 0.8, "f": 0.3, "u-0": 0.7}
    whole = suite.score(Transition(outcomes=TABLE.outcomes), None, confidences)
    assert all(score.least is None and score.most is None for score in whole.values())
    for score in suite.score(TABLE, None, confidences).values():
        assert score.least is not None, score.name
        assert score.value is None or score.least <= score.value + 1e-12, score.name
        assert score.value is None or score.value <= score.most + 1e-12, score.name
