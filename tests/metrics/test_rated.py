"""Ratings before and after, worked by hand."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honesty import config
from honesty.interfaces import RatedSuite, Suite
from honesty.metrics.rated import MeanRating, Rated, ShareRated, by_slice

MODEL = ["metrics.judge.model.path=somewhere"]
HELPFULNESS: Any = config.load("metrics", "helpfulness", MODEL)
HARMLESSNESS: Any = config.load("metrics", "harmlessness", MODEL)
QUICK: Any = config.load("metrics", "harmlessness", [*MODEL, "metrics.replicates=2"])


@pytest.mark.parametrize(("suite", "kind"), [(HELPFULNESS, MeanRating), (HARMLESSNESS, ShareRated)])
def test_they_are_rated_suites_and_no_suites_of_the_table(suite: Rated, kind: type[Rated]) -> None:
    assert isinstance(suite, kind)
    assert isinstance(suite, RatedSuite)
    assert not isinstance(suite, Suite)


def test_means_and_their_paired_difference() -> None:
    found = HELPFULNESS.score([5.0, 7.0, 3.0, 9.0], [6.0, 7.0, 1.0, 8.0])
    assert list(found) == ["helpfulness_before", "helpfulness", "helpfulness_difference"]
    assert [one.value for one in found.values()] == pytest.approx([6.0, 5.5, -0.5])
    assert {(one.n, one.unjudged, one.least, one.most, one.unit) for one in found.values()} == {(4, 0, None, None, "points")}
    for one in found.values():
        assert one.low < one.value < one.high
    # differences 1, 0, -2, -1: their mean over resampled prompts lies between -2 and 1, and not only at the ends
    assert -2 < found["helpfulness_difference"].low < -1
    assert 0 < found["helpfulness_difference"].high < 1


def test_the_difference_is_paired() -> None:
    before, after = [float(1 + i % 10) for i in range(100)], [float(min(10, 2 + i % 10)) for i in range(100)]
    found = HELPFULNESS.score(before, after)
    assert found["helpfulness_difference"].value == pytest.approx(0.9)
    wide = found["helpfulness"].high - found["helpfulness"].low
    narrow = found["helpfulness_difference"].high - found["helpfulness_difference"].low
    assert narrow < wide / 5


def test_unjudged_prompts_leave_both_sides_and_are_bounded() -> None:
    found = HELPFULNESS.score([5.0, 4.0, None], [6.0, None, 8.0])
    assert [(one.value, one.n, one.unjudged) for one in found.values()] == [(5.0, 1, 2), (6.0, 1, 2), (1.0, 1, 2)]
    assert (found["helpfulness_before"].least, found["helpfulness_before"].most) == pytest.approx((10 / 3, 19 / 3))
    assert (found["helpfulness"].least, found["helpfulness"].most) == pytest.approx((5.0, 8.0))
    # the first is +1, the second -3 .. +6, the third -2 .. +7
    bounds = (found["helpfulness_difference"].least, found["helpfulness_difference"].most)
    assert bounds == pytest.approx((-4 / 3, 14 / 3))


def test_nothing_judged_is_undefined_and_bounded_by_the_scale() -> None:
    for suite, ends in ((HELPFULNESS, (1.0, 10.0)), (HARMLESSNESS, (0.0, 1.0))):
        found = suite.score([None, None], [None, None])
        assert {(one.value, one.low, one.high) for one in found.values()} == {(None, None, None)}
        name = "helpfulness" if suite is HELPFULNESS else "unsafe"
        assert (found[name].least, found[name].most) == ends
        gap = ends[1] - ends[0]
        assert (found[f"{name}_difference"].least, found[f"{name}_difference"].most) == (-gap, gap)


def test_equal_ratings_have_wilson_s_interval_and_no_interval_of_the_difference() -> None:
    found = HELPFULNESS.score([10.0] * 20, [10.0] * 20)
    assert (found["helpfulness"].value, found["helpfulness"].high) == (10.0, 10.0)
    assert found["helpfulness"].low == pytest.approx(1 + 9 * 20 / (20 + 1.959964**2), abs=1e-4)
    assert (found["helpfulness_difference"].value, found["helpfulness_difference"].low) == (0.0, None)


def test_shares_differences_and_mcnemar() -> None:
    before = [1.0] * 6 + [0.0] * 94
    after = [1.0] * 4 + [0.0] * 2 + [1.0] * 9 + [0.0] * 85
    found = HARMLESSNESS.score(before, after)
    values = {name: one.value for name, one in found.items()}
    assert values == pytest.approx(
        {
            "unsafe_before": 0.06,
            "unsafe": 0.13,
            "unsafe_difference": 0.07,
            "became_unsafe": 9,
            "no_longer_unsafe": 2,
            "mcnemar_p": 2 * (1 + 11 + 55) / 2**11,  # twice the tail of Binomial(11, 1/2) at 2
        }
    )
    assert found["mcnemar_p"].n == 11
    assert 0 < found["unsafe_difference"].low < 0.07 < found["unsafe_difference"].high < 0.2


def test_no_unsafe_response_is_not_certainty() -> None:
    found = HARMLESSNESS.score([0.0] * 700, [0.0] * 700)
    assert (found["unsafe"].value, found["unsafe"].low) == (0.0, 0.0)
    assert found["unsafe"].high == pytest.approx(1.959964**2 / (700 + 1.959964**2), abs=1e-6)
    difference = found["unsafe_difference"]
    assert difference.value == 0.0
    assert difference.low < 0 < difference.high
    assert found["mcnemar_p"].value == 1.0


def test_bounds_of_shares_and_counts() -> None:
    found = HARMLESSNESS.score([0.0, None, 1.0, 0.0], [0.0, 1.0, None, None])
    assert (found["unsafe"].value, found["unsafe"].n, found["unsafe"].unjudged) == (0.0, 1, 3)
    assert (found["unsafe"].least, found["unsafe"].most) == (0.25, 0.75)
    assert (found["unsafe_before"].least, found["unsafe_before"].most) == (0.25, 0.5)
    assert (found["unsafe_difference"].least, found["unsafe_difference"].most) == (-0.25, 0.5)
    assert (found["became_unsafe"].least, found["became_unsafe"].most) == (0, 2)
    assert (found["no_longer_unsafe"].least, found["no_longer_unsafe"].most) == (0, 1)
    # two became so and none ceased at the worst, 2 / 2^2; as many of either at the best
    assert (found["mcnemar_p"].least, found["mcnemar_p"].most) == (0.5, 1.0)


SCALE = st.sampled_from([0.0, 1.0, None])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(SCALE, SCALE), min_size=1, max_size=7))
def test_bounds_of_harmlessness_against_every_way_of_rating(pairs: list[tuple[float | None, float | None]]) -> None:
    before, after = zip(*pairs, strict=True)
    if sum(value is None for value in (*before, *after)) > 6:
        return
    ways = product(*((0.0, 1.0) if value is None else (value,) for value in (*before, *after)))
    every = [QUICK.score(way[: len(pairs)], way[len(pairs) :]) for way in ways]
    for name, score in QUICK.score(before, after).items():
        values = [one[name].value for one in every]
        if score.unjudged:
            assert (score.least, score.most) == (pytest.approx(min(values)), pytest.approx(max(values))), name


def test_slices_are_the_same_scores_of_the_prompts_in_them() -> None:
    slices = [{"category": "10"}, {"category": "9"}, {}, {"category": "10", "scenario": "poem"}, {"category": "10"}]
    before, after = [5.0, 7.0, 1.0, 3.0, 2.0], [6.0, 4.0, 1.0, 7.0, None]
    found = by_slice(HELPFULNESS, slices, before, after)
    assert list(found) == ["category", "scenario"]
    assert [(row["slice"], row["n"]) for row in found["category"]] == [("9", 1), ("10", 2)], "numbers in their order"
    ten = found["category"][1]
    assert {name: ten[name] for name in ten if name not in ("slice", "n")} == HELPFULNESS.score(
        [5.0, 3.0, 2.0], [6.0, 7.0, None]
    )
    difference = ten["helpfulness_difference"]
    assert (difference.value, difference.n, difference.unjudged) == (2.5, 2, 1)
    assert difference.low < 2.5 < difference.high
    assert found["scenario"][0]["helpfulness"].value == 7.0
    assert by_slice(HELPFULNESS, [{}] * 5, before, after) == {}


def test_shares_by_slice_have_their_interval() -> None:
    (row,) = by_slice(HARMLESSNESS, [{"category": "drugs"}] * 50, [0.0] * 50, [0.0] * 50)["category"]
    assert (row["unsafe"].value, row["unsafe"].n) == (0.0, 50)
    assert row["unsafe"].high == pytest.approx(1.959964**2 / (50 + 1.959964**2), abs=1e-6)
