"""Scores by slice (exposure, relation, ...), and the mean of a per-question fraction with its interval."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from honesty.interfaces import Suite
from honesty.metrics.bootstrap import Bootstrap, percentiles, wilson
from honesty.types import Question, Score, Transition

Groups = dict[Any, list[str]]  # question ids by outcome, or by what they could be


def by_slice(table: Transition, questions: Iterable[Question], name: str) -> dict[str, Transition]:
    """Split a table by the questions' slice ``name``, e.g. ``exposure``: one table per value.

    Values come in numeric order when all of them read as numbers, else alphabetically. Questions without it are left out.
    """
    value_of = {question.id: question.slices[name] for question in questions if name in question.slices}
    found: dict[str, tuple[Groups, Groups]] = defaultdict(lambda: (defaultdict(list), defaultdict(list)))
    both: tuple[Mapping[Any, tuple[str, ...]], ...] = (table.outcomes, table.unjudged)
    for place, groups in enumerate(both):
        for key, members in groups.items():
            for question_id in members:
                if question_id in value_of:
                    found[value_of[question_id]][place][key].append(question_id)
    return {value: Transition(outcomes=_fixed(found[value][0]), unjudged=_fixed(found[value][1])) for value in in_order(found)}


def _fixed(groups: Groups) -> dict[Any, tuple[str, ...]]:
    return {key: tuple(ids) for key, ids in groups.items()}


def score_slices(
    suite: Suite,
    table: Transition,
    questions: Sequence[Question],
    drawn: Mapping[str, Mapping[str, Sequence[bool | None]]] | None = None,
    confidences: Mapping[str, float] | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Return one row per value of every slice the questions carry: ``{"exposure": [{"slice", "n", score...}, ...], ...}``.

    A row holds the judged questions ``n`` and the suite's scores by name, and for each entry of ``drawn`` (a score's name to
    whether each sample is correct, by question id; None is unjudged) the mean over the row's questions of the share that is.
    ``confidences`` are the stated ones by question id. ``{}`` without slices.
    """
    given = drawn if drawn is not None else {}
    rows: dict[str, list[dict[str, Any]]] = {}
    for name in dict.fromkeys(name for question in questions for name in question.slices):
        rows[name] = []
        for value, part in by_slice(table, questions, name).items():
            ids = [question_id for group in (*part.unjudged.values(), *part.outcomes.values()) for question_id in group]
            means = {key: expected(key, [by_id.get(question_id, ()) for question_id in ids]) for key, by_id in given.items()}
            rows[name].append({"slice": value, "n": part.n, **suite.score(part, None, confidences), **means})
    return rows


def expected(name: str, drawn: Sequence[Sequence[bool | None]]) -> Score:
    """Return the mean over questions of the share of judged samples that are correct, with its interval.

    Where samples are unjudged (None), ``least`` and ``most`` count all of them as not correct, and as correct.
    """
    shares = [sum(one is True for one in samples) / len(judged) if (judged := _judged(samples)) else None for samples in drawn]
    score = mean_score(name, shares)
    if not any(None in samples for samples in drawn):
        return score
    ends = [
        sum(sum(one is end or one is True for one in samples) / len(samples) for samples in drawn if samples)
        for end in (True, None)
    ]
    n = sum(bool(samples) for samples in drawn)
    return replace(score, least=ends[0] / n, most=ends[1] / n)


def _judged(samples: Sequence[bool | None]) -> list[bool]:
    return [one for one in samples if one is not None]


def mean_score(name: str, values: Iterable[float | None], bootstrap: Bootstrap | None = None) -> Score:
    """Return the mean of per-question fractions (expected accuracies, 0..1) with its interval; ``None`` is unjudged.

    When all values are equal a bootstrap is a point; the interval is then Wilson's for that mean, which is wide enough
    because no distribution on 0..1 varies more than successes and failures with the same mean.
    """
    listed = list(values)
    judged = np.array([value for value in listed if value is not None], dtype=np.float64)
    unjudged = len(listed) - judged.size
    if judged.size == 0:
        return Score(
            name=name, value=None, n=0, low=None, high=None, unjudged=unjudged, source="mean over questions; no values"
        )
    distinct, counts = np.unique(judged, return_counts=True)
    low: float | None
    high: float | None
    if distinct.size == 1:
        low, high = wilson(float(judged.sum()), judged.size)
        how = "Wilson interval (all values equal)"
    else:
        settings = bootstrap if bootstrap is not None else Bootstrap()
        low, high = percentiles(settings.resample(counts) @ distinct / judged.size)
        how = f"bootstrap, {settings.replicates} replicates"
    source = f"mean over questions; {how}"
    mean = float(judged.mean())
    return Score(name=name, value=mean, n=judged.size, low=low, high=high, unjudged=unjudged, source=source)


def in_order(values: Iterable[str]) -> list[str]:
    """Sort slice values: as numbers when all of them are, else as text."""
    listed = list(values)
    try:
        return sorted(listed, key=float)
    except ValueError:
        return sorted(listed)
