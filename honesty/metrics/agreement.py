"""How well a judge agrees with people on which responses are correct.

Every response is one of four: both say correct, the judge alone, people alone, neither. Responses to one question resemble each
other, so the bootstrap resamples *questions* with all their responses; where every question has one response that is the usual
bootstrap over rows. Rates whose questions all differ, and rates too close to 0 or 1 for resampling, have Wilson's interval.

Source: Cohen 1960 (kappa); Wilson 1927; Efron and Tibshirani 1993, chapter 13; Field and Welsh 2007 (resampling clusters).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from honesty.metrics.bootstrap import SPARSE, Bootstrap, percentiles, wilson
from honesty.metrics.counts import Array
from honesty.types import Score

BOTH, JUDGE, HUMAN, NEITHER = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What one response was held to be; ``None`` is unjudged. ``question`` is the id its fellows share."""

    question: str
    judge: bool | None
    human: bool | None

    @property
    def disagree(self) -> bool:
        """Whether both have judged it, and not alike."""
        return self.judge is not None and self.human is not None and self.judge != self.human


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The 2x2 table, the rows that are not in it, and the scores (fractions; kappa from -1 to 1)."""

    both: int
    judge_only: int
    human_only: int
    neither: int
    unjudged_by_judge: int
    unjudged_by_human: int
    scores: tuple[Score, ...]

    @property
    def n(self) -> int:
        """Responses that both have judged."""
        return self.both + self.judge_only + self.human_only + self.neither


def agreement(marks: Iterable[Mark], bootstrap: Bootstrap | None = None) -> Agreement:
    """Return agreement, kappa, precision and recall of "correct", each with n and a 95 % interval.

    Precision is over what the judge calls correct, recall over what people call correct. A row that either has not judged
    is counted (one that neither has judged, for people) and is in no score.
    """
    tables: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    no_judge = no_human = 0
    for mark in marks:
        if mark.human is None:
            no_human += 1
        elif mark.judge is None:
            no_judge += 1
        else:
            tables[mark.question][_kind(mark.judge, mark.human)] += 1
    patterns = Counter(tuple(table) for table in tables.values())
    shapes = np.array([*patterns], dtype=np.float64).reshape(-1, 4)
    counts = np.array([*patterns.values()], dtype=np.float64)
    whole = counts @ shapes
    draws = (bootstrap if bootstrap is not None else Bootstrap()).resample(counts) @ shapes
    alone = all(sum(pattern) == 1 for pattern in patterns)
    both, judge_only, human_only, neither = (int(count) for count in whole)
    return Agreement(
        both=both,
        judge_only=judge_only,
        human_only=human_only,
        neither=neither,
        unjudged_by_judge=no_judge,
        unjudged_by_human=no_human,
        scores=(
            _rate("agreement", (BOTH, NEITHER), (BOTH, JUDGE, HUMAN, NEITHER), whole, draws, alone),
            _kappa(whole, draws),
            _rate("precision", (BOTH,), (BOTH, JUDGE), whole, draws, alone),
            _rate("recall", (BOTH,), (BOTH, HUMAN), whole, draws, alone),
        ),
    )


def bounded(marks: Sequence[Mark]) -> Agreement:
    """Return the agreement, with the bounds of every score where the judge left responses unjudged.

    All four are least when it would have contradicted people about each of these, and greatest when it had said the same:
    with people's verdicts given, each rises with what both accept and falls with what the judge alone accepts.
    """
    found = agreement(marks)
    if not found.unjudged_by_judge:
        return found
    least, most = (agreement(_filled(marks, agrees), Bootstrap(replicates=1)).scores for agrees in (False, True))
    missing = found.unjudged_by_judge
    scores = (
        replace(one, unjudged=missing, least=low.value, most=high.value)
        for one, low, high in zip(found.scores, least, most, strict=True)
    )
    return replace(found, scores=tuple(scores))


def _filled(marks: Iterable[Mark], agrees: bool) -> Iterator[Mark]:
    """Yield the marks with what the judge did not say as people said it, or as they did not."""
    for mark in marks:
        missing = mark.judge is None and mark.human is not None
        yield replace(mark, judge=mark.human is agrees) if missing else mark


def _kind(judge: bool, human: bool) -> int:
    return (BOTH if human else JUDGE) if judge else (HUMAN if human else NEITHER)


def _rate(name: str, hits: tuple[int, ...], of: tuple[int, ...], whole: Array, draws: Array, alone: bool) -> Score:
    """Return a rate of counts; its bootstrap drops the replicates with an empty denominator."""
    hit, n = float(whole[list(hits)].sum()), float(whole[list(of)].sum())
    if n == 0:
        return Score(name=name, value=None, n=0, low=None, high=None, source="empty denominator")
    low: float | None
    high: float | None
    if alone or min(hit, n - hit) < SPARSE:
        (low, high), how = wilson(hit, n), "Wilson interval"
    else:
        below = draws[:, list(of)].sum(axis=1)
        values = np.where(below > 0, draws[:, list(hits)].sum(axis=1) / np.maximum(below, 1), np.nan)
        (low, high), how = percentiles(values), f"bootstrap over questions, {len(draws)} replicates"
    return Score(name=name, value=hit / n, n=round(n), low=low, high=high, source=how)


def _kappa(whole: Array, draws: Array) -> Score:
    value, n = float(kappa(whole)), round(float(whole.sum()))
    if np.isnan(value):
        return Score(
            name="kappa", value=None, n=0, low=None, high=None, source="undefined: judge and people use one label only"
        )
    low, high = percentiles(kappa(draws))
    how = f"bootstrap over questions, {len(draws)} replicates"
    return Score(name="kappa", value=value, n=n, low=low, high=high, source=how)


def kappa(tables: Array) -> Array:
    """Return Cohen's kappa of ``[..., 4]`` counts (both, judge only, people only, neither); NaN where chance agreement is 1.

    ``(po - pe) / (1 - pe)`` with po the observed agreement and pe the one of two independent raters with the same habits.

    Source: Cohen 1960.
    """
    n = np.maximum(tables.sum(axis=-1), 1)
    a, b, c, d = np.moveaxis(tables, -1, 0)
    observed = (a + d) / n
    expected = ((a + b) * (a + c) + (c + d) * (b + d)) / (n * n)
    undefined = (expected >= 1) | (tables.sum(axis=-1) == 0)
    return np.asarray(np.where(undefined, np.nan, (observed - expected) / np.where(undefined, 1, 1 - expected)))
