"""What a metric is: one function of the outcome counts, for the point value and for every bootstrap replicate alike.

To add a metric: subclass :class:`Statistic` in one file, name it in one line of ``conf/metrics/*.yaml``.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from honesty.metrics.bootstrap import SPARSE, Bootstrap, is_sparse, percentiles, square_and_add
from honesty.metrics.counts import Control, Counts, Estimate, count
from honesty.types import Score, Transition


class Statistic(ABC):
    """A metric on the transition table. ``formula`` is printed beside every value."""

    name: ClassVar[str]
    formula: ClassVar[str]

    @abstractmethod
    def estimate(self, counts: Counts) -> Estimate:
        """Return the metric of every table in ``counts``."""

    def __call__(self, table: Transition) -> Score:
        """Return the metric of one table with its interval (undefined where its denominator is empty)."""
        counts = count(table)
        return self.score(counts, Bootstrap().draw(counts), unjudged=len(table.unjudged))

    def score(self, counts: Counts, draws: Counts, *, unjudged: int, control: Control | None = None) -> Score:
        """Return the value on ``counts`` (one table) with the interval that ``draws`` (its replicates) give.

        With a control, both are those of the expected counts under it, and the interval is always the bootstrap's: that
        always refusing has prudence 1 is certain, however few the questions. An undefined value has n 0 and no interval;
        neither has the scripts' fill-in for an empty denominator.
        """
        estimate = self.estimate(control(counts) if control is not None else counts)
        value = float(estimate.value)
        n = 0 if np.isnan(value) else round(float(estimate.n))
        low: float | None = None
        high: float | None = None
        if n == 0:
            how = "empty denominator"
        elif control is None and any(is_sparse(part) for part in estimate.parts):
            low, high = square_and_add(estimate)
            how = f"Wilson interval (fewer than {SPARSE} successes or failures)"
        else:
            low, high = percentiles(self.estimate(control(draws) if control is not None else draws).value)
            how = f"paired bootstrap, {draws.array.shape[0]} replicates"
        if low is not None and high is not None:  # rounding can leave a point interval a hair beside its value
            low, high = min(low, value), max(high, value)
        if control is not None:
            how = f"expected under {control.__name__}; {how}"
        return Score(
            name=self.name,
            value=None if np.isnan(value) else value,
            n=n,
            low=low,
            high=high,
            unjudged=unjudged,
            source=f"{self.formula}; {how}",
        )
