"""Strategy against strategy on the same questions: every pair's test, corrected for how many there are.

The test itself (McNemar on the discordant questions) is an argument: it belongs to the metrics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from honesty.report.load import Job, outcomes
from honesty.report.seeds import groups

Rows = Mapping[str, Mapping[str, Any]]
Test = Callable[[Rows, Rows], tuple[int, int, float | None, tuple[float, float] | None]]

MAX_VARIANTS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One pair of variants: the test's ``b`` (only the first does right) and ``c`` (only the second), p and Holm's p.

    ``bounds`` are the least and greatest p, before Holm's correction, where questions are unjudged.
    """

    first: str
    second: str
    b: int
    c: int
    p: float | None
    corrected: float | None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All pairs on one evaluation set. ``seeds``: which seed stands for each variant; ``left_out``: how many were too many."""

    dataset: str
    variants: tuple[str, ...]
    seeds: Mapping[str, int | None]
    pairs: Mapping[tuple[str, str], Pair]
    left_out: int = 0


def compare(jobs: Sequence[Job], dataset: str, test: Test) -> Pairs | None:
    """Test every pair of variants on the questions of one evaluation set; None when fewer than two left their outcomes.

    One seed stands for each variant (its lowest): questions pooled over seeds would not be independent.
    """
    chosen: dict[str, tuple[int | None, Rows]] = {}
    found = [group for group in groups(jobs, dataset) if group.evaluations[0].cells]  # ratings have no right and wrong
    for group in found[:MAX_VARIANTS]:
        rows = outcomes(group.jobs[0]).get(dataset)
        if rows:
            chosen[group.variant] = (group.jobs[0].seed, rows)
    if len(chosen) < 2:
        return None
    names = tuple(chosen)
    keys = [(first, second) for at, first in enumerate(names) for second in names[at + 1 :]]
    results = [test(chosen[first][1], chosen[second][1]) for first, second in keys]
    corrected = holm([p for _, _, p, _ in results])
    pairs = {
        key: Pair(first=key[0], second=key[1], b=b, c=c, p=p, corrected=adjusted, bounds=bounds)
        for key, (b, c, p, bounds), adjusted in zip(keys, results, corrected, strict=True)
    }
    seeds = {name: seed for name, (seed, _) in chosen.items()}
    return Pairs(dataset=dataset, variants=names, seeds=seeds, pairs=pairs, left_out=max(0, len(found) - MAX_VARIANTS))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return the p values corrected for their number: with m of them sorted, max over j <= i of min(1, (m - j + 1) p_(j)).

    A p that is undefined stays undefined and does not count towards m.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    defined = sorted((p, at) for at, p in enumerate(values) if p is not None)
    result: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (p, at) in enumerate(defined):
        highest = max(highest, min(1.0, (len(defined) - rank) * p))
        result[at] = highest
    return result
