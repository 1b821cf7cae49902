"""McNemar's exact test: discordant questions by hand, p against scipy."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from honesty.metrics.mcnemar import APPROPRIATE, mcnemar


def rows(*cells: int | None) -> dict[str, dict[str, int | None]]:
    return {str(number): {"cell": cell} for number, cell in enumerate(cells)}


@pytest.mark.parametrize("cell", range(1, 10))
def test_right_is_correct_after_or_declining_the_unknown(cell: int) -> None:
    right = cell in {1, 2, 3, 8, 9}  # after correct, or after idk and before not correct
    assert mcnemar(rows(cell), rows(4)) == (int(right), 0, 1.0, None)
    assert (cell in APPROPRIATE) == right


def test_by_hand() -> None:
    first = rows(1, 1, 8, 8, 8, 8, 8, 7, 5)
    second = rows(1, 7, 5, 5, 5, 5, 5, 1, 8)
    result = mcnemar(first, second)
    assert (result.b, result.c) == (6, 2)
    assert result.p == pytest.approx(2 * (1 + 8 + 28) / 2**8)


def test_unshared_and_unjudged_questions_are_left_out() -> None:
    assert mcnemar({"a": {"cell": 1}, "b": {"cell": None}, "c": {"cell": 8}}, {"b": {"cell": 4}, "c": {"cell": 5}}) == (
        1,
        0,
        1.0,
        (0.5, 1.0),  # b may be one that only the first does right by
    )
    assert mcnemar({"a": {"cell": 1}}, {"b": {"cell": 1}}) == (0, 0, None, None)
    assert mcnemar({"a": {"cell": None}}, {"a": {"cell": 1}}) == (0, 0, None, (1.0, 1.0))


@given(st.lists(st.tuples(*[st.sampled_from([1, 5, 8, None])] * 2), max_size=9))
def test_bounds_are_those_of_every_way_of_judging(cells: list[tuple[int | None, int | None]]) -> None:
    first, second = [one for one, _ in cells], [two for _, two in cells]
    ways = product(*([1, 5] if cell is None else [cell] for cell in (*first, *second)))
    every = [mcnemar(rows(*way[: len(cells)]), rows(*way[len(cells) :])).p for way in ways]
    found = mcnemar(rows(*first), rows(*second)).bounds
    assert found == ((pytest.approx(min(every)), pytest.approx(max(every))) if None in (*first, *second) else None)


@given(st.integers(0, 400), st.integers(0, 400))
def test_p_is_the_two_sided_binomial_test(b: int, c: int) -> None:
    result = mcnemar(rows(*[8] * b, *[5] * c, 1), rows(*[5] * b, *[8] * c, 1))
    expected = binomtest(b, b + c).pvalue if b + c else 1.0
    assert (result.b, result.c) == (b, c)
    assert result.p == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(rows(*[5] * b, *[8] * c, 1), rows(*[8] * b, *[5] * c, 1)).p == result.p
