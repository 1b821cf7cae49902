"""The suite: the list of metrics a run reports, and the one place that turns a table into scores.

One set of bootstrap replicates is drawn per table and shared by every metric (the seed makes a control's the same), so their
intervals speak of the same resampled questions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from honesty.metrics.before import Before
from honesty.metrics.bootstrap import REPLICATES, Bootstrap
from honesty.metrics.bounds import stated_bounds, table_bounds
from honesty.metrics.calibration import reliability
from honesty.metrics.confidence import StatedConfidence
from honesty.metrics.counts import Control, Empty, count
from honesty.metrics.levels import levels
from honesty.metrics.selective import risk_coverage
from honesty.metrics.stated import Stated
from honesty.metrics.statistic import Statistic
from honesty.specs import require
from honesty.types import Score, Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Metrics with what their intervals need.

    ``empty`` says what an empty denominator gives: null, or the scripts' value. ``before`` names the metrics of the table that
    are computed of the unaligned model too (``<name>_before``). ``confidence`` reads how sure a response says it is; metrics of
    stated confidence need it.
    """

    metrics: Sequence[Statistic | Stated]
    before: Sequence[str] = ()
    empty: Empty = "undefined"
    confidence: StatedConfidence | None = None
    replicates: int = REPLICATES
    seed: int = 0

    def __post_init__(self) -> None:
        tables = [metric.name for metric in self.metrics if isinstance(metric, Statistic)]
        unknown = [name for name in self.before if name not in tables]
        require(not unknown, f"before: {', '.join(unknown)} is none of the metrics of the table; they are {', '.join(tables)}")
        names = [metric.name for metric in self._all()]
        require(bool(names), "a suite needs at least one metric")
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"each metric once: {', '.join(twice)} is listed twice")
        require(self.empty in ("undefined", "scripts"), f"empty is undefined or scripts, not {self.empty!r}")
        require(self.replicates >= 1, f"replicates must be at least 1, not {self.replicates}")
        require(self.seed >= 0, f"seed must be 0 or more, not {self.seed}")
        stated = [metric.name for metric in self.metrics if isinstance(metric, Stated)]
        require(
            not stated or self.confidence is not None,
            f"{', '.join(stated)}: of stated confidence, so the suite needs `confidence` (what reads it from a response)",
        )

    def _all(self) -> list[Statistic | Stated]:
        """Return every metric, each of ``before`` followed by its own before."""
        found: list[Statistic | Stated] = []
        for metric in self.metrics:
            found.append(metric)
            if isinstance(metric, Statistic) and metric.name in self.before:
                found.append(Before(metric=metric))
        return found

    def confidences(self, responses: Iterable[tuple[str, str]]) -> Mapping[str, float]:
        """Return what the aligned model's responses, (question id, text) pairs, state: the confidence by id, where any is."""
        return self.confidence.read(responses) if self.confidence is not None else {}

    def score(
        self, table: Transition, control: Control | None = None, confidences: Mapping[str, float] | None = None
    ) -> dict[str, Score]:
        """Return every metric of the table by name, each with its 95 % interval.

        ``confidences`` are the stated ones by question id. With a control, what is expected under it: of the metrics on the
        table only, as a control states nothing.
        """
        counts = count(table, self.empty)
        draws = Bootstrap(replicates=self.replicates, seed=self.seed).draw(counts)
        unjudged = table.lacking
        stated = confidences if confidences is not None else {}
        if self.confidence is not None and control is None:
            answered = levels(table, stated, self.confidence.idk)
            resampled = answered.draw(self.replicates, self.seed)
        scores = {}
        for metric in self._all():
            if isinstance(metric, Statistic):
                scores[metric.name] = metric.score(counts, draws, unjudged=unjudged, control=control)
            elif control is None:
                scores[metric.name] = metric.score(answered, resampled, unjudged=unjudged)
        return self._bounded(scores, table, stated) if unjudged and control is None else scores

    def _bounded(self, scores: Mapping[str, Score], table: Transition, stated: Mapping[str, float]) -> dict[str, Score]:
        """Return the scores with the least and greatest value that the unjudged questions could make of each."""
        tabled = [metric for metric in self._all() if isinstance(metric, Statistic)]
        bounds = dict(zip((metric.name for metric in tabled), table_bounds(tabled, table, self.empty), strict=True))
        if self.confidence is not None:
            of = [metric for metric in self.metrics if isinstance(metric, Stated)]
            found = stated_bounds(of, table, stated, self.confidence.idk)
            bounds |= dict(zip((metric.name for metric in of), found, strict=True))
        return {name: replace(score, least=bounds[name][0], most=bounds[name][1]) for name, score in scores.items()}

    def curves(self, table: Transition, confidences: Mapping[str, float]) -> dict[str, list[dict[str, Any]]]:
        """Return what is drawn of the stated confidences, as JSON values: reliability bins and risk-coverage points.

        ``{}`` for a suite that reads none.
        """
        if self.confidence is None:
            return {}
        answered = levels(table, confidences, self.confidence.idk)
        return {"reliability": reliability(answered), "risk_coverage": risk_coverage(answered)}


def unstated(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Return a sentence where a suite reads stated confidence and no answer states any: why its scores are undefined."""
    missing = bool(curves) and not any(curves.values())
    return ["no answer states a confidence that metrics.confidence can read: scores of it are n/a"] if missing else []
