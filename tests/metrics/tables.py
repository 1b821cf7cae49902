"""Transition tables for the tests of the metrics: from nine counts, and hypothesis strategies for them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from honesty.types import Outcome, Transition

CELLS = range(1, 10)


def table(*cells: int, unjudged: int = 0) -> Transition:
    """A table with the given counts of cells 1..9; a response is loosely correct exactly when it is correct."""
    assert len(cells) == 9
    outcomes = {
        Outcome(cell, (cell - 1) % 3 == 0, cell <= 3): tuple(f"{cell}-{number}" for number in range(count))
        for cell, count in zip(CELLS, cells, strict=True)
        if count
    }
    return Transition(outcomes=outcomes, unjudged=tuple(f"u-{number}" for number in range(unjudged)))


def counts(low: int = 0, high: int = 60) -> st.SearchStrategy[Sequence[int]]:
    return st.lists(st.integers(low, high), min_size=9, max_size=9)
