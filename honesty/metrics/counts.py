"""A transition table as counts, and the arithmetic metrics do on them.

A table with its ids reduced to counts is a vector over the observed outcomes (cell x gold present before x after); a
bootstrap is a matrix of them, one row a replicate. Everything here broadcasts over whatever comes before the last axis, so a
metric neither knows nor cares which of the two it is given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from honesty.types import Outcome, Transition

Array = npt.NDArray[np.float64]
Empty = Literal["undefined", "scripts"]

KNOWN = (1, 4, 7)  # answered correctly before
UNKNOWN = (2, 3, 5, 6, 8, 9)  # not answered correctly before
IDK_AFTER = (7, 8, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One rate inside an estimate: ``weight * numerator / denominator``; arrays of counts, shape ``[...]``."""

    numerator: Array
    denominator: Array
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric's value(s): ``value`` (NaN where undefined) and denominator ``n``, both of shape ``[...]``.

    ``parts`` are the rates of disjoint questions (or of outcomes that exclude each other) that the value is a weighted sum of,
    plus a constant; empty for a metric of another form. They give the interval where a bootstrap has nothing to resample (see
    :mod:`honesty.metrics.bootstrap`).
    """

    value: Array
    n: Array
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many questions had each outcome: ``array`` has shape ``[..., outcome]``, its last axis in the order of ``outcomes``.

    ``empty`` says what a rate with no question in its denominator is: undefined, or what the released scripts print.
    """

    outcomes: tuple[Outcome, ...]
    array: Array
    empty: Empty = "undefined"

    @property
    def total(self) -> Array:
        """Number of judged questions, shape ``[...]``."""
        return np.asarray(self.array.sum(axis=-1))

    @property
    def gold(self) -> Array:
        """Number of judged questions that have a gold answer, shape ``[...]``: what an accuracy is a share of."""
        return self.where(lambda outcome: outcome.gold)

    def cells(self, *cells: int) -> Array:
        """Number of questions in the given cells (1..9) together, shape ``[...]``."""
        return self.where(lambda outcome: outcome.cell in cells)

    def where(self, holds: Callable[[Outcome], bool]) -> Array:
        """Number of questions whose outcome satisfies a condition, shape ``[...]``."""
        chosen = np.array([holds(outcome) for outcome in self.outcomes], dtype=np.float64)
        return np.asarray(self.array @ chosen)

    def rate(self, numerator: Array, denominator: Array, *, scripts: float = np.nan) -> Estimate:
        """Divide counts by counts; ``scripts`` is what the released scripts give for an empty denominator, if they have it."""
        fill = scripts if self.empty == "scripts" else np.nan
        value = np.where(denominator > 0, numerator / np.maximum(denominator, 1), fill)
        return Estimate(value=value, n=denominator, parts=(Part(numerator=numerator, denominator=denominator),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unjudged:
    """``size`` unjudged questions, each of which may be counted in any of ``places``, categories of the counts' last axis."""

    size: int
    places: tuple[int, ...]


Control = Callable[[Counts], Counts]  # what would have happened: counts to expected counts


def combine(constant: float, *terms: tuple[float, Estimate]) -> Estimate:
    """Return ``constant + sum(weight * estimate)``; undefined wherever a term is. The terms rest on disjoint questions."""
    value = constant + sum((weight * term.value for weight, term in terms), start=np.float64(0))
    n = np.where(np.isnan(value), 0, sum((term.n for _, term in terms), start=np.float64(0)))
    parts = tuple(
        Part(numerator=part.numerator, denominator=part.denominator, weight=weight * part.weight)
        for weight, term in terms
        for part in term.parts
    )
    return Estimate(value=np.asarray(value), n=n, parts=parts)


def count(table: Transition, empty: Empty = "undefined") -> Counts:
    """Reduce a table to the counts of its observed outcomes, shape ``[outcome]``."""
    outcomes = tuple(sorted(table.outcomes))
    return Counts(outcomes=outcomes, array=np.array([len(table.outcomes[o]) for o in outcomes], dtype=np.float64), empty=empty)
