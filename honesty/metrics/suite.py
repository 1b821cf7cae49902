"""The suite: the list of metrics a run reports, and the one place that turns a table into scores.

One set of bootstrap replicates is drawn per table and shared by every metric (the seed makes a control's the same), so their
intervals speak of the same resampled questions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from honesty.metrics.bootstrap import REPLICATES, Bootstrap
from honesty.metrics.counts import Control, Empty, count
from honesty.metrics.statistic import Statistic
from honesty.specs import require
from honesty.types import Score, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Metrics with what their intervals need. ``empty`` says what an empty denominator gives: null, or the scripts' value."""

    metrics: Sequence[Statistic]
    empty: Empty = "undefined"
    replicates: int = REPLICATES
    seed: int = 0

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        require(bool(names), "a suite needs at least one metric")
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"each metric once: {', '.join(twice)} is listed twice")
        require(self.empty in ("undefined", "scripts"), f"empty is undefined or scripts, not {self.empty!r}")
        require(self.replicates >= 1, f"replicates must be at least 1, not {self.replicates}")
        require(self.seed >= 0, f"seed must be 0 or more, not {self.seed}")

    def score(self, table: Transition, control: Control | None = None) -> dict[str, Score]:
        """Return every metric of the table by name, each with its 95 % interval; with a control, what is expected under it."""
        counts = count(table, self.empty)
        draws = Bootstrap(replicates=self.replicates, seed=self.seed).draw(counts)
        unjudged = len(table.unjudged)
        return {metric.name: metric.score(counts, draws, unjudged=unjudged, control=control) for metric in self.metrics}
