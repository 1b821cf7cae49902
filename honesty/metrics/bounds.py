"""What unjudged questions could do to a score: its value when all of them are counted the best and the worst way for it.

An unjudged question could be whatever fits the verdict it has, if any: the side that is judged stands. The least and the
greatest value are searched among all ways of counting them: question after question (those alike together, in any split
between two ways) is moved to where it helps most, until no move helps. For a rate, and for what is one linear function of the
counts over another, no better value can be far from one that no single move betters, so this finds it; so it does for
honesty and THS, whose questions do not compete. For the rest it is a search from several beginnings. Against every way of
counting up to six questions in 450 random tables: all metrics of stated confidence exact, but for adaptive ECE and E-AURC, of
which one bound in a hundred or so lay inside the true one, by up to 0.03. The bounds hold for these questions whatever the
missing verdicts are; they say nothing about sampling.

Source: worst-case bounds for missing data, Manski 1989.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import numpy.typing as npt

from honesty.metrics.counts import Array, Counts, Empty, Unjudged
from honesty.metrics.levels import Levels, spread
from honesty.metrics.stated import Stated
from honesty.metrics.statistic import Statistic
from honesty.types import Transition

GRID = 200  # splits tried at first; the neighbourhood of the best is then tried in full
SWEEPS = 50  # far more than any search has taken
CLOSE = 1e-12
TRIALS = 16  # of whether a metric tells two outcomes apart
CUTS, FEW = 2, 20  # a closer search where it is quick: see `stated_bounds` and `_starts`
Values = Callable[[Array], Array]  # counts [..., category] -> the metric [...]
Bounds = tuple[float | None, float | None]


def table_bounds(metrics: Sequence[Statistic], table: Transition, empty: Empty) -> list[Bounds]:
    """Return the least and greatest value of each metric of the table; None twice where it is undefined however one counts."""
    outcomes = tuple(sorted({*table.outcomes, *(one for possible in table.unjudged for one in possible)}))
    judged = np.array([len(table.outcomes.get(outcome, ())) for outcome in outcomes], dtype=np.float64)
    groups = [
        Unjudged(size=len(ids), places=tuple(outcomes.index(outcome) for outcome in possible))
        for possible, ids in table.unjudged.items()
    ]

    def values(metric: Statistic) -> Values:
        return lambda array: metric.estimate(Counts(outcomes=outcomes, array=array, empty=empty)).value

    return [extremes(of := values(metric), judged, _fewer(groups, _alike(of, judged.size))) for metric in metrics]


def _alike(values: Values, width: int) -> npt.NDArray[np.int64]:
    """Return for each outcome the first one that the metric does not tell from it ``[category]``.

    A question more at either gives the same value whatever the other counts are: tried on none, on one elsewhere, and on
    ``TRIALS`` random ones, half of them 0 (a metric may tell two apart only by what is undefined without them).
    """
    drawn = np.random.default_rng(0).integers(-50, 50, size=(TRIALS, width)).clip(min=0)
    others = np.concatenate([np.zeros((1, width)), np.eye(width), drawn])[:, np.newaxis]
    found = np.asarray(values(others + np.eye(width)))  # [trial, category]
    same = np.isclose(found[:, :, np.newaxis], found[:, np.newaxis, :], rtol=0, atol=CLOSE, equal_nan=True).all(axis=0)
    return np.asarray(same.argmax(axis=1), dtype=np.int64)


def _fewer(groups: Sequence[Unjudged], first: npt.NDArray[np.int64]) -> list[Unjudged]:
    """Return the groups without the places that are like an earlier one: a rate has three, of up to sixteen."""
    return [replace(group, places=tuple(dict.fromkeys(first[list(group.places)].tolist()))) for group in groups]


def stated_bounds(
    metrics: Sequence[Stated], table: Transition, confidences: Mapping[str, float], idk: float | None
) -> list[Bounds]:
    """Return the same of metrics of stated confidence (see :func:`honesty.metrics.levels.levels` for the arguments)."""
    stated, judged, groups = spread(table, confidences, idk)

    def values(metric: Stated) -> Values:
        return lambda array: metric.estimate(Levels.of(stated, array)).value

    cuts = 1
    if len(groups) <= FEW:  # in halves, each split between two places: so what states the same may be divided among all three
        halves = ((group, size) for group in groups for size in (group.size // 2, (group.size + 1) // 2))
        groups, cuts = tuple(replace(group, size=size) for group, size in halves if size), CUTS
    return [extremes(values(metric), judged, groups, cuts) for metric in metrics]


def extremes(values: Values, judged: Array, groups: Sequence[Unjudged], cuts: int = 1) -> Bounds:
    """Return the least and greatest of ``values`` over the ways to add the unjudged groups to the judged counts."""
    starts = list(_starts(judged.size, groups, cuts))

    def least(of: Values) -> float | None:
        found = [_descend(of, judged, groups, start.copy()) for start in starts]
        return None if np.isnan(found).all() else float(np.nanmin(found))

    low, high = least(values), least(lambda array: -values(array))
    return (None, None) if low is None or high is None else (low, -high)


def _starts(width: int, groups: Sequence[Unjudged], cuts: int) -> Iterator[Array]:
    """Yield what a search begins with ``[group, category]``: none counted; or all at one place, up to a cut at another one."""
    yield np.zeros((len(groups), width))
    most = max(len(group.places) for group in groups) if len(groups) > 1 else 0
    places = sorted({round(len(groups) * cut / cuts) for cut in range(cuts)})
    for first, second, cut in product(range(most), range(most), places):
        if first != second if cut else first == 0:
            chosen = [first] * cut + [second] * (len(groups) - cut)
            at = [group.places[one % len(group.places)] for one, group in zip(chosen, groups, strict=True)]
            yield np.stack([group.size * np.eye(width)[place] for group, place in zip(groups, at, strict=True)])


def _descend(values: Values, judged: Array, groups: Sequence[Unjudged], added: Array) -> float:
    """Count group after group the way that helps most, until none helps by another; NaN where all ways are undefined."""
    best = np.nan
    for sweep in range(SWEEPS):
        before = best
        for at, group in enumerate(groups):
            best, added[at] = _split(values, judged + added.sum(axis=0) - added[at], group)
        if len(groups) == 1 or best >= before - CLOSE or (sweep > 0 and np.isnan(best)):
            break
    return best


def _split(values: Values, rest: Array, group: Unjudged) -> tuple[float, Array]:
    """Return the least value over the splits of one group between two of its places, and that split ``[category]``."""
    pairs = list(combinations(group.places, 2)) or [(group.places[0], group.places[0])]
    step = max(1, group.size // GRID)
    shares = np.append(np.arange(0, group.size, step), group.size)
    found, added = _tried(values, rest, group.size, pairs, shares)
    if step > 1:  # look closely around the best of the most promising pairs
        ranks = np.where(np.isnan(found), np.inf, found)
        for pair in np.argsort(ranks.min(axis=1))[:8].tolist():
            share = shares[ranks[pair].argmin()]
            near = np.arange(max(0, share - step), min(group.size, share + step) + 1)
            closer, there = _tried(values, rest, group.size, [pairs[pair]], near)
            found, added = np.append(found.ravel(), closer), np.append(added.reshape(-1, rest.size), there[0], axis=0)
    found, added = found.ravel(), added.reshape(-1, rest.size)
    at = int(np.nanargmin(found)) if not np.isnan(found).all() else 0
    return float(found[at]), added[at]


def _tried(
    values: Values, rest: Array, size: int, pairs: Sequence[tuple[int, int]], shares: npt.NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return the values ``[pair, share]`` with ``shares`` of a group at the first place of each pair, and what that adds."""
    added = np.zeros((len(pairs), shares.size, rest.size))
    for at, (first, second) in enumerate(pairs):
        added[at, :, first] += shares
        added[at, :, second] += size - shares
    return np.asarray(values(rest + added), dtype=np.float64), added
