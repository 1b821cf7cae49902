"""Any metric of the table for the unaligned model: the same statistic with each "after" replaced by its "before"."""

from dataclasses import dataclass

from honesty.metrics.counts import Counts, Estimate
from honesty.metrics.statistic import Statistic
from honesty.types import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Before(Statistic):
    """``metric`` on the unaligned model against itself; the tables show it beside the metric, as ``<name>_before``."""

    metric: Statistic

    @property
    def name(self) -> str:
        return f"{self.metric.name}_before"

    @property
    def formula(self) -> str:
        return f"{self.metric.formula}, before for after"

    def estimate(self, counts: Counts) -> Estimate:
        return self.metric.estimate(itself(counts))


def itself(counts: Counts) -> Counts:
    """Return the table of the unaligned model against itself: what was in column 1, 2, 3 is in cell 1, 5, 9."""
    outcomes = tuple(Outcome((1, 5, 9)[(o.cell - 1) % 3], o.loose_before, o.loose_before, o.gold) for o in counts.outcomes)
    return Counts(outcomes=outcomes, array=counts.array, empty=counts.empty)
