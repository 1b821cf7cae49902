"""Stated confidence against accuracy: does a response that says 80 % turn out right four times in five?

Over the responses that answer and state a confidence q; y is 1 where the answer is correct. Every metric takes the levels of
:mod:`honesty.metrics.levels`: responses that state the same q are one group.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from honesty.metrics.bootstrap import LEVEL, percentiles, wilson
from honesty.metrics.counts import Array, Estimate, Part
from honesty.metrics.levels import Levels
from honesty.metrics.stated import Stated, ratio
from honesty.metrics.statistic import POINT

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRate(Stated):
    """Share of the answered questions whose response states a confidence: what the scores beside it speak of."""

    name: ClassVar[str] = "stated_rate"
    formula: ClassVar[str] = "responses that state a confidence / answered questions"

    def estimate(self, levels: Levels) -> Estimate:
        total = levels.n + levels.silent
        parts = (Part(numerator=levels.n, denominator=total),)
        return Estimate(value=ratio(levels.n, total), n=total, parts=parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanConfidence(Stated):
    """Mean stated confidence. Above the accuracy of the same responses: overconfident."""

    name: ClassVar[str] = "mean_confidence"
    formula: ClassVar[str] = "mean q"

    def estimate(self, levels: Levels) -> Estimate:
        return Estimate(value=ratio(levels.each @ levels.values, levels.n), n=levels.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedAccuracy(Stated):
    """Accuracy of the responses that state a confidence, to set beside the mean of what they state."""

    name: ClassVar[str] = "stated_accuracy"
    formula: ClassVar[str] = "mean y"

    def estimate(self, levels: Levels) -> Estimate:
        correct = np.asarray(levels.correct.sum(axis=-1))
        return Estimate(value=ratio(correct, levels.n), n=levels.n, parts=(Part(numerator=correct, denominator=levels.n),))


class Miscalibration(Stated):
    """A mean distance of accuracy and confidence. Chance keeps every bin a little off, so it is biased upwards.

    The bootstrap's replicates are so once more, and their percentiles would never reach 0 for a calibrated model. So twice the
    replicates' bias is taken off the lower end; and where a model that is right exactly as often as it says comes out as high
    in more than 2.5 % of simulated responses with the same confidences, the lower end is 0. Coverage in simulations (verbal and
    decimal confidences; true error 0, or .05 to .21): percentiles alone 0 %, or 5 to 97 %; with the rule 96 to 98 %, or 85 to
    97 % at n = 50 and 94 to 98 % at n = 200 and 1,000.

    Source: Efron and Tibshirani 1993, chapter 10 (bias); Brocker and Smith 2007 (consistency resampling).
    """

    interval: ClassVar[str] = "paired bootstrap, lower end corrected for bias"

    def ends(self, levels: Levels, values: Array) -> tuple[float | None, float | None]:
        low, high = percentiles(values)
        if low is None or high is None or high - low < POINT:
            return low, high
        value = float(self.estimate(levels).value)
        if value <= np.quantile(self.estimate(calibrated(levels, values.size)).value, LEVEL[1]):
            return 0.0, high
        return max(0.0, low - 2 * max(0.0, float(np.nanmean(values)) - value)), high


def calibrated(levels: Levels, replicates: int) -> Levels:
    """Return levels ``[replicate, level]`` of the same responses, each right with the chance that it states."""
    shape = (replicates, levels.values.size)
    correct = np.random.default_rng(0).binomial(levels.each.astype(np.int64), levels.values, size=shape).astype(np.float64)
    return Levels(values=levels.values, correct=correct, wrong=levels.each - correct, silent=np.zeros(replicates))


@dataclass(frozen=True, kw_only=True)
class Binned(Miscalibration):
    """Miscalibration over ``bins`` bins."""

    bins: int = BINS

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"bins must be at least 1, not {self.bins}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ece(Binned):
    """Expected calibration error: the mean distance of accuracy and confidence over bins of equal width.

    ``bins`` right-closed bins ``(0, .1], (.1, .2], .. (.9, 1]``, with 0 in the first; empty ones count nothing.

    Source: Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, equation 3 (the same bins).
    """

    name: ClassVar[str] = "ece"

    @property
    def formula(self) -> str:
        return f"sum_b |b|/n |acc_b - conf_b|, {self.bins} right-closed bins of equal width"

    def estimate(self, levels: Levels) -> Estimate:
        # |b| |acc_b - conf_b| is the absolute value of the bin's sum of y - q, which is linear in the counts
        surplus = (levels.correct - levels.each * levels.values) @ one_hot(levels.values, self.bins)
        return Estimate(value=ratio(np.abs(surplus).sum(axis=-1), levels.n), n=levels.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveEce(Binned):
    """Expected calibration error over ``bins`` bins of equal mass (n / bins responses each, in the order of confidence).

    A group of equal confidences that lies across an edge is divided in proportion, each part with the group's accuracy: no
    order of ties is better than another. So with fewer than ``bins`` distinct values this is not a coarser ECE.

    Source: Nguyen and O'Connor 2015 (equal-mass bins); the division of ties is ours.
    """

    name: ClassVar[str] = "ece_adaptive"

    @property
    def formula(self) -> str:
        return f"sum_b 1/{self.bins} |acc_b - conf_b|, {self.bins} bins of equal mass, ties divided"

    def estimate(self, levels: Levels) -> Estimate:
        up_to, _ = levels.rising()
        each = levels.each
        surplus = ratio(levels.correct, each) - levels.values  # per response
        surplus = np.where(each > 0, surplus, 0.0)
        n = levels.n
        total = np.zeros(n.shape)
        for at in range(self.bins):
            low, high = (n * at / self.bins)[..., np.newaxis], (n * (at + 1) / self.bins)[..., np.newaxis]
            inside = np.clip(np.minimum(up_to, high) - np.maximum(up_to - each, low), 0.0, None)
            total = total + np.abs((inside * surplus).sum(axis=-1))
        return Estimate(value=ratio(total, n), n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brier(Stated):
    """Mean squared difference of confidence and correctness: calibration and discrimination in one number, 0 the best.

    Source: Brier 1950, the form for one binary outcome.
    """

    name: ClassVar[str] = "brier"
    formula: ClassVar[str] = "mean (q - y)^2"

    def estimate(self, levels: Levels) -> Estimate:
        squares = levels.correct @ (levels.values - 1) ** 2 + levels.wrong @ levels.values**2
        return Estimate(value=ratio(squares, levels.n), n=levels.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auroc(Stated):
    """Chance that a correct response states more confidence than a wrong one; equal confidences count half.

    Undefined where all responses are correct, or all wrong: there is nothing to tell apart.

    Source: Hanley and McNeil 1982 (the Mann-Whitney form).
    """

    name: ClassVar[str] = "auroc"
    formula: ClassVar[str] = "P(q correct > q wrong) + P(equal) / 2"

    def estimate(self, levels: Levels) -> Estimate:
        wrong_below = np.cumsum(levels.wrong, axis=-1) - levels.wrong
        won = (levels.correct * (wrong_below + levels.wrong / 2)).sum(axis=-1)
        value = ratio(won, levels.correct.sum(axis=-1) * levels.wrong.sum(axis=-1))
        return Estimate(value=value, n=np.where(np.isnan(value), 0, levels.n))


@dataclass(frozen=True, slots=True, kw_only=True)
class DistinctConfidences(Stated):
    """How many different confidences are stated: a model that always says 80 % tells nothing apart, however calibrated."""

    name: ClassVar[str] = "distinct_confidences"
    formula: ClassVar[str] = "number of distinct q"
    unit: ClassVar[str] = "count"

    def estimate(self, levels: Levels) -> Estimate:
        distinct = np.asarray((levels.each > 0).sum(axis=-1), dtype=np.float64)
        return Estimate(value=np.where(levels.n > 0, distinct, np.nan), n=levels.n)


def one_hot(values: Array, bins: int) -> Array:
    """Return the matrix ``[level, bin]`` of 0 and 1 that adds levels up to bins: right-closed, 0 in the first.

    The edges are the nearest floats to k / bins, as 0.3 read from "30%" is: 3 / 10 lies in the bin it closes.
    """
    edges = np.arange(1, bins) / bins
    return np.asarray(np.eye(bins)[np.searchsorted(edges, values, side="left")], dtype=np.float64)


def reliability(levels: Levels, bins: int = BINS) -> list[dict[str, Any]]:
    """Return the reliability diagram: one row a non-empty bin with its edges, n, mean confidence, accuracy and Wilson interval.

    Source: DeGroot and Fienberg 1983; Niculescu-Mizil and Caruana 2005.
    """
    to_bins = one_hot(levels.values, bins)
    n, correct, stated = levels.each @ to_bins, levels.correct @ to_bins, (levels.each * levels.values) @ to_bins
    rows = []
    for at in np.flatnonzero(n > 0).tolist():
        low, high = wilson(float(correct[at]), float(n[at]))
        rows.append(
            {
                "from": at / bins,
                "to": (at + 1) / bins,
                "n": int(n[at]),
                "confidence": float(stated[at] / n[at]),
                "accuracy": float(correct[at] / n[at]),
                "low": low,
                "high": high,
            }
        )
    return rows
