"""Strategy against strategy on the same questions: McNemar's exact test on the questions where only one does right."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

# Answered correctly, or declined what the unaligned model could not answer.
APPROPRIATE = frozenset({1, 2, 3, 8, 9})

Rows = Mapping[str, Mapping[str, Any]]


class Discordant(NamedTuple):
    """``b`` questions only the first strategy does right by, ``c`` only the second; ``p`` is undefined without a shared one.

    ``bounds`` are the least and the greatest p that the unjudged questions could make of it; None where there are none.
    """

    b: int
    c: int
    p: float | None
    bounds: tuple[float, float] | None = None


def mcnemar(first: Rows, second: Rows) -> Discordant:
    """Compare two strategies by their rows of ``outcomes.jsonl``, question id to ``{"cell": 1..9 | None, ...}``.

    A strategy does right by a question when it is correct after, or idk after where the unaligned model was not correct
    (cells 1, 2, 3, 8, 9). Questions not judged for both are left out, and counted either way in the bounds. Under the null
    hypothesis each discordant question falls either way with probability 1/2, so ``p`` is the two-sided binomial test of
    ``b`` in ``b + c`` (1 when none is discordant).

    Source: McNemar 1947, in its exact (binomial) form.
    """
    right = [(_right(first[name]), _right(second[name])) for name in first if name in second]
    b, c = right.count((True, False)), right.count((False, True))
    judged = [pair for pair in right if None not in pair]
    lacking = [pair for pair in right if None in pair]
    more = sum(one is not False and two is not True for one, two in lacking)
    less = sum(one is not True and two is not False for one, two in lacking)
    return Discordant(b, c, two_sided(b, c) if judged else None, extremes(b, c, more, less) if lacking else None)


def _right(row: Mapping[str, Any]) -> bool | None:
    return row["cell"] in APPROPRIATE if row["cell"] is not None else None


def extremes(b: int, c: int, more: int, less: int) -> tuple[float, float]:
    """Return the least and greatest p when up to ``more`` unjudged things may add to ``b`` and up to ``less`` to ``c``.

    Least where all that can goes one way; greatest where the two are as even as they can be, which takes one of them only.
    """
    least = min(two_sided(b + more, c), two_sided(b, c + less))
    gap = b - c
    return least, two_sided(b + min(more, max(0, -gap)), c + min(less, max(0, gap)))


def two_sided(b: int, c: int) -> float:
    """Return twice the smaller tail of Binomial(b + c, 1/2), at most 1; terms by log-gamma, so that large counts are fine."""
    n, smaller = b + c, min(b, c)
    log_all = math.lgamma(n + 1) - n * math.log(2)
    tail = math.fsum(math.exp(log_all - math.lgamma(k + 1) - math.lgamma(n - k + 1)) for k in range(smaller + 1))
    return min(1.0, 2 * tail)
