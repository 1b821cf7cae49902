"""Bounds of a judge's agreement with people where the judge left responses unjudged, against every way it could have judged."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honesty.metrics.agreement import Mark, agreement, bounded
from honesty.metrics.bootstrap import Bootstrap

VERDICT = st.sampled_from([True, False, None])


@settings(deadline=None)
@given(st.lists(st.tuples(VERDICT, VERDICT), min_size=1, max_size=7))
def test_bounds_are_those_of_every_way_of_judging(rows: list[tuple[bool | None, bool | None]]) -> None:
    marks = [Mark(question=str(at), judge=judge, human=human) for at, (judge, human) in enumerate(rows)]
    ways = product(*([True, False] if judge is None else [judge] for judge, _ in rows))
    every = [
        agreement(
            [Mark(question=str(at), judge=judge, human=rows[at][1]) for at, judge in enumerate(way)], Bootstrap(replicates=1)
        )
        for way in ways
    ]
    found = bounded(marks)
    for at, score in enumerate(found.scores):
        values = [value for one in every if (value := one.scores[at].value) is not None]
        if not found.unjudged_by_judge:
            assert (score.least, score.most) == (None, None)
        elif score.least is not None and score.most is not None:
            assert (score.least, score.most) == (pytest.approx(min(values)), pytest.approx(max(values))), score.name


def test_responses_the_judge_left_unjudged_bound_every_score() -> None:
    def marks(filling: Sequence[bool]) -> list[Mark]:
        rest = iter(filling)
        verdicts = [(True, True), (True, False), (False, True), (False, False), (None, True), (None, False), (None, False)]
        verdicts.append((None, None))
        return [
            Mark(question=str(at), judge=next(rest, None) if judge is None and human is not None else judge, human=human)
            for at, (judge, human) in enumerate(verdicts)
        ]

    found = bounded(marks([]))
    assert (found.n, found.unjudged_by_judge) == (4, 3)
    every = [agreement(marks(filling)).scores for filling in product([True, False], repeat=3)]
    for at, score in enumerate(found.scores):
        assert score.least == pytest.approx(min(scores[at].value for scores in every))
        assert score.most == pytest.approx(max(scores[at].value for scores in every))
        assert score.least < score.value < score.most
    assert bounded(marks([True] * 3)).scores[0].least is None
