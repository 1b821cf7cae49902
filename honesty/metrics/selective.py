"""Selective prediction: were only the most confident responses kept, how often would they be wrong?

Responses are sorted by stated confidence, the surest first; risk(k) is the share of wrong ones among the first k. Verbal
confidences tie by the hundred, so every number is the *expectation* over the orders within ties: after j responses of a group
of t with w wrong, j w / t wrong ones are expected. Coverage is a share of the responses that state a confidence.

With few wrong responses a percentile interval is too short. Of 95 % in 500 simulations of 130 responses (verbal and decimal
confidences) AURC's and E-AURC's held the true value in 81 to 83 % with 5 wrong ones, 84 to 93 % with 11, 93 to 95 % with 40;
those used here (see :class:`Area`) in 88 to 90, 94 to 96 and 94 to 96 %, and with 11 in 1,000 in 93 to 95 instead of 85 %.
Coverage at a risk steps with the curve, and where hardly more are wrong than the risk allows it is often 1, without an
interval; else its percentiles held the true one in 90 to 96 % with 40 wrong ones or more.

Source: El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017 (risk-coverage); Geifman, Uziel and El-Yaniv 2019 (E-AURC).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from honesty.metrics.bootstrap import Z, percentiles
from honesty.metrics.counts import Array, Estimate
from honesty.metrics.levels import Levels
from honesty.metrics.stated import Stated, ratio
from honesty.metrics.statistic import POINT

POINTS = 200  # of a risk-coverage curve in result.json


class Area(Stated):
    """An area of risk, 0 .. 1: how far it varies grows with its size, so the interval is symmetric in its log-odds.

    The log-odds of the value, plus and minus 1.96 standard deviations of those of the replicates (the few at 0 or 1 have none
    and are dropped; a value that is 0 or 1 itself keeps the percentiles).

    Source: Efron and Tibshirani 1993, chapters 12.6 and 13 (bootstrap standard error on a transformed scale).
    """

    interval: ClassVar[str] = "paired bootstrap, normal in the log-odds"

    def ends(self, levels: Levels, values: Array) -> tuple[float | None, float | None]:
        value = float(self.estimate(levels).value)
        inside = values[(values > POINT) & (values < 1 - POINT)]
        if not POINT < value < 1 - POINT or inside.size < 2:
            return percentiles(values)
        half = Z * float(np.log(inside / (1 - inside)).std())
        low, high = 1 / (1 + (1 - value) / value * np.exp([half, -half]))
        return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aurc(Area):
    """Area under the risk-coverage curve: the mean of risk(k) over k = 1 .. n; 0 the best.

    A confidence that says nothing gives the error rate; it depends on the accuracy as much as on the confidence.

    Source: Geifman, Uziel and El-Yaniv 2019, equation 2 and the mean over thresholds.
    """

    name: ClassVar[str] = "aurc"
    formula: ClassVar[str] = "mean over k of the risk of the k most confident; ties by expectation"

    def estimate(self, levels: Levels) -> Estimate:
        return Estimate(value=ratio(area(levels), levels.n), n=levels.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessAurc(Area):
    """AURC less that of the best order of the same responses (every correct one before every wrong one); 0 the best.

    The best order's is exact here, ``(W - C (H_n - H_C)) / n`` with W wrong and C correct ones and H the harmonic numbers; the
    usual ``r + (1 - r) ln(1 - r)`` is its limit for large n.

    Source: Geifman, Uziel and El-Yaniv 2019, E-AURC.
    """

    name: ClassVar[str] = "e_aurc"
    formula: ClassVar[str] = "aurc - aurc of the best order"

    def estimate(self, levels: Levels) -> Estimate:
        n, wrong = levels.n, np.asarray(levels.wrong.sum(axis=-1))
        harmonic = _harmonic(n)
        best = wrong - (n - wrong) * (harmonic[_whole(n)] - harmonic[_whole(n - wrong)])
        return Estimate(value=np.maximum(ratio(area(levels) - best, n), 0.0), n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageAtRisk(Stated):
    """The largest share k / n of the responses, the most confident ones, whose expected risk is at most ``risk``.

    0 where not even the most confident one may be kept.

    Source: Geifman and El-Yaniv 2017 (selective risk at a desired level), on the sample itself, without their bound.
    """

    risk: float

    @property
    def name(self) -> str:
        return f"coverage_at_risk_{100 * self.risk:g}".replace(".", "_")

    @property
    def formula(self) -> str:
        return f"max k / n with risk(k) <= {100 * self.risk:g} %; ties by expectation"

    def __post_init__(self) -> None:
        if not 0 <= self.risk < 1:
            raise ValueError(f"risk must lie in 0..1, below 1, not {self.risk}")

    def estimate(self, levels: Levels) -> Estimate:
        each, wrong, before, wrong_before = levels.falling()
        excess = ratio(wrong, each) - self.risk  # of each further response of the group over what it may add
        slack = self.risk * before - wrong_before
        # expected wrong - risk k rises or falls all along a group: it is met up to its end, up to some place, or nowhere
        whole = wrong_before + wrong <= self.risk * (before + each) + 1e-9
        part = np.floor(np.where(excess > 0, slack / np.where(excess > 0, excess, 1), 0) + 1e-9)
        taken = np.where(whole, each, np.where(slack >= -1e-9, np.clip(part, 0, each), -before))
        most = np.where(each > 0, before + taken, 0.0).max(axis=-1, initial=0.0)
        return Estimate(value=ratio(most, levels.n), n=levels.n)


def area(levels: Levels) -> Array:
    """Return the sum of risk(k) over k = 1 .. n, in expectation over ties, shape ``[...]``.

    Over a group of t with w wrong after K responses with E wrong, ``sum_j (E + j w/t) / (K + j)`` is
    ``w + (E - K w/t) (H_{K+t} - H_K)``.
    """
    each, wrong, before, wrong_before = levels.falling()
    harmonic = _harmonic(levels.n)
    share = np.where(each > 0, wrong / np.where(each > 0, each, 1), 0.0)
    span = harmonic[_whole(before + each)] - harmonic[_whole(before)]
    return np.asarray((wrong + (wrong_before - before * share) * span).sum(axis=-1))


def risk_coverage(levels: Levels) -> list[dict[str, Any]]:
    """Return the curve: for each confidence from the highest down, what keeping all that state at least it covers and risks.

    At most ``POINTS`` points, evenly spread over the levels, the last among them.
    """
    each, wrong, before, wrong_before = levels.falling()
    kept, errors = (before + each).tolist(), (wrong_before + wrong).tolist()
    values = levels.values[::-1].tolist()
    places = np.unique(np.linspace(0, len(values) - 1, min(POINTS, len(values))).round().astype(int)).tolist() if values else []
    return [
        {"confidence": values[at], "n": int(kept[at]), "coverage": kept[at] / kept[-1], "risk": errors[at] / kept[at]}
        for at in places
    ]


def _harmonic(n: Array) -> Array:
    """Return the harmonic numbers H_0 .. H_max(n)."""
    last = int(np.max(n, initial=0))
    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, last + 1))])


def _whole(counts: Array) -> Any:
    return np.rint(counts).astype(np.int64)
