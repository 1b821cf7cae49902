"""What a metric is: one function of the outcome counts, for the point value and for every bootstrap replicate alike.

To add a metric: subclass :class:`Statistic` in one file, name it in one line of ``conf/metrics/*.yaml``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from honesty.metrics.bootstrap import SPARSE, Bootstrap, is_sparse, percentiles, square_and_add
from honesty.metrics.counts import Array, Control, Counts, Estimate, count
from honesty.types import Score, Transition

Ends = tuple[float | None, float | None]
POINT = 1e-9  # an interval narrower than that is rounding


class Named(ABC):
    """What a metric is called and the formula printed beside every value: a class attribute each, or a property."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    @abstractmethod
    def formula(self) -> str: ...


class Statistic(Named, ABC):
    """A metric on the transition table."""

    @abstractmethod
    def estimate(self, counts: Counts) -> Estimate:
        """Return the metric of every table in ``counts``."""

    def __call__(self, table: Transition) -> Score:
        """Return the metric of one table with its interval (undefined where its denominator is empty)."""
        counts = count(table)
        return self.score(counts, Bootstrap().draw(counts), unjudged=table.lacking)

    def score(self, counts: Counts, draws: Counts, *, unjudged: int, control: Control | None = None) -> Score:
        """Return the value on ``counts`` (one table) with the interval that ``draws`` (its replicates) give.

        With a control, both are those of the expected counts under it, and the interval is always the bootstrap's: that
        always refusing has prudence 1 is certain, however few the questions.
        """
        estimate = self.estimate(control(counts) if control is not None else counts)

        def replicates() -> Array:
            return self.estimate(control(draws) if control is not None else draws).value

        return scored(self, estimate, replicates, draws.array.shape[0], unjudged=unjudged, control=control)


def scored(
    metric: Named,
    estimate: Estimate,
    replicates: Callable[[], Array],
    count: int,
    *,
    unjudged: int,
    control: Control | None = None,
    ends: Callable[[Array], Ends] = percentiles,
    kind: str = "paired bootstrap",
) -> Score:
    """Return one value as a score; ``replicates()`` gives its ``count`` bootstrap values, where they are what is needed.

    ``ends`` makes an interval of these, and ``kind`` is what that is called. An undefined value has n 0 and no interval;
    neither has the scripts' fill-in for an empty denominator, nor a metric that is no rate and comes out the same in every
    replicate (none wrong among 30: resampling cannot say how rare wrong is).
    """
    value = float(estimate.value)
    n = 0 if np.isnan(value) else round(float(estimate.n))
    if n == 0:
        low, high, how = None, None, "empty denominator"
    elif control is None and any(is_sparse(part) for part in estimate.parts):
        low, high = _around(value, square_and_add(estimate))
        how = f"Wilson interval (fewer than {SPARSE} successes or failures)"
    else:
        low, high = _around(value, ends(replicates()))
        how = f"{kind}, {count} replicates"
        if low is not None and low == high and control is None and not estimate.parts:
            low, high, how = None, None, f"no interval: the same in all {count} bootstrap replicates"
    if control is not None:
        how = f"expected under {control.__name__}; {how}"
    return Score(
        name=metric.name,
        value=None if np.isnan(value) else value,
        n=n,
        low=low,
        high=high,
        unjudged=unjudged,
        source=f"{metric.formula}; {how}",
    )


def _around(value: float, ends: Ends) -> Ends:
    """Return the ends with the value between them, which rounding may have left a hair beside; one point is the value."""
    low, high = ends
    if low is None or high is None:
        return None, None
    low, high = min(low, value), max(high, value)
    return (value, value) if high - low < POINT else (low, high)
