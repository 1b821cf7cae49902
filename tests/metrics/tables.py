"""Transition tables for the tests of the metrics: from nine counts, and hypothesis strategies for them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from honesty.metrics.transition import possible
from honesty.types import Outcome, Pair, Transition, Verdict

CELLS = range(1, 10)


NOTHING = Verdict(label=None, loosely_correct=False, judge="test")
ANY = possible(Pair(question_id="", before=NOTHING, after=NOTHING))  # what a question may be of which nothing is known


def missing(number: int) -> dict[tuple[Outcome, ...], tuple[str, ...]]:
    """So many questions with neither verdict."""
    return {ANY: tuple(f"u-{at}" for at in range(number))} if number else {}


def table(*cells: int, unjudged: int = 0) -> Transition:
    """A table with the given counts of cells 1..9; a response is loosely correct exactly when it is correct."""
    assert len(cells) == 9
    outcomes = {
        Outcome(cell, (cell - 1) % 3 == 0, cell <= 3): tuple(f"{cell}-{number}" for number in range(count))
        for cell, count in zip(CELLS, cells, strict=True)
        if count
    }
    return Transition(outcomes=outcomes, unjudged=missing(unjudged))


def counts(low: int = 0, high: int = 60) -> st.SearchStrategy[Sequence[int]]:
    return st.lists(st.integers(low, high), min_size=9, max_size=9)
