"""Stated confidence against what became of it, as counts: how many responses stated each value, and how many were right.

The same idea as :mod:`honesty.metrics.counts`: a bootstrap over questions is a multinomial draw over the categories (a stated
value x right or wrong, and stated nothing), so every metric is one function of arrays ``[..., level]``, for the point value
and for all replicates at once, and responses that state the same value are one group whose order never matters.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from honesty.metrics.bootstrap import Bootstrap
from honesty.metrics.counts import IDK_AFTER, Array, Unjudged
from honesty.types import Outcome, Transition

BUDGET = 4_000_000  # counts held at once: with many distinct values there are fewer replicates, and the score says how many
CORRECT_AFTER = (1, 2, 3)

Fate = tuple[float | None, bool | None]  # the confidence a response is counted at, and whether it is right
OUT: Fate = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """Answered questions by the confidence stated.

    ``values`` are the distinct confidences in rising order, shape ``[level]``; ``correct`` and ``wrong`` the responses with
    each, shape ``[..., level]``; ``silent`` the answered questions whose response states none, shape ``[...]``.
    """

    values: Array
    correct: Array
    wrong: Array
    silent: Array

    @property
    def each(self) -> Array:
        """Number of responses at each level, shape ``[..., level]``."""
        return np.asarray(self.correct + self.wrong)

    @property
    def n(self) -> Array:
        """Number of responses that state a confidence, shape ``[...]``."""
        return np.asarray(self.each.sum(axis=-1))

    def rising(self) -> tuple[Array, Array]:
        """Return the number of responses, and of correct ones, up to and with each level from below: ``[..., level]`` both."""
        return np.cumsum(self.each, axis=-1), np.cumsum(self.correct, axis=-1)

    def falling(self) -> tuple[Array, Array, Array, Array]:
        """Return each level from the most confident down, ``[..., level]``: responses and wrong ones there, and before it."""
        each, wrong = self.each[..., ::-1], self.wrong[..., ::-1]
        return each, wrong, np.cumsum(each, axis=-1) - each, np.cumsum(wrong, axis=-1) - wrong

    @classmethod
    def of(cls, values: Array, counts: Array) -> "Levels":
        """Return the levels of counts ``[..., category]``: correct at each value, wrong at each, silent; the rest is out."""
        size = values.size
        return cls(values=values, correct=counts[..., :size], wrong=counts[..., size : 2 * size], silent=counts[..., 2 * size])

    def draw(self, replicates: int, seed: int) -> "Levels":
        """Resample the questions: levels of shape ``[replicate, level]``, of at most ``BUDGET`` counts together."""
        categories = np.concatenate([self.correct, self.wrong, self.silent[np.newaxis]])
        most = max(1, min(replicates, BUDGET // categories.size))
        return Levels.of(self.values, Bootstrap(replicates=most, seed=seed).resample(categories))


def levels(table: Transition, confidences: Mapping[str, float], idk: float | None = None) -> Levels:
    """Count the judged questions of a table by the confidence their aligned response states (by question id).

    A response is right when it is correct. One that declines is left out; with ``idk`` it stands at that confidence, and is
    right when it holds a gold answer nevertheless.
    """
    values, counts, _ = spread(Transition(outcomes=table.outcomes), confidences, idk)
    return Levels.of(values, counts)


def spread(
    table: Transition, confidences: Mapping[str, float], idk: float | None = None
) -> tuple[Array, Array, tuple[Unjudged, ...]]:
    """Return the confidences stated, the judged questions' counts ``[category]``, and where the unjudged ones may be counted.

    The categories are those of :meth:`Levels.of`, and last the questions that are left out.
    """
    judged = Counter(
        fate
        for outcome, ids in table.outcomes.items()
        for name in ids
        for fate in _fates((outcome,), confidences.get(name), idk)
    )
    unjudged = Counter(_fates(possible, confidences.get(name), idk) for possible, ids in table.unjudged.items() for name in ids)
    every = {*judged, *(fate for fates in unjudged for fate in fates)}
    values = sorted({stated for stated, right in every if stated is not None and right is not None})
    places: dict[Fate, int] = {}
    for at, value in enumerate(values):
        places |= {(value, True): at, (value, False): at + len(values)}
    silent = 2 * len(values)

    def place(fate: Fate) -> int:
        return silent + 1 if fate == OUT else places.get(fate, silent)

    counts = np.zeros(silent + 2)
    for fate, size in judged.items():
        counts[place(fate)] += size
    groups = (Unjudged(size=size, places=tuple(sorted({place(fate) for fate in fates}))) for fates, size in unjudged.items())
    return np.array(values, dtype=np.float64), counts, tuple(sorted(groups, key=lambda group: group.places))


def _fates(possible: Iterable[Outcome], stated: float | None, idk: float | None) -> tuple[Fate, ...]:
    """Return what the outcomes make of a response that states this confidence, each once."""
    return tuple(dict.fromkeys(_fate(outcome, stated, idk) for outcome in possible))


def _fate(outcome: Outcome, stated: float | None, idk: float | None) -> Fate:
    if outcome.cell not in IDK_AFTER:
        return stated, outcome.cell in CORRECT_AFTER
    return OUT if idk is None else (idk, outcome.loose_after)
