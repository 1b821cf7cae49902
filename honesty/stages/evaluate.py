"""The same questions to the unaligned and the aligned model, paired by question id and scored.

Source: Alignment for Honesty, section 2.3 (M_t under the plain prompt, M_{t+1} under the honest one).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from honesty.cache import Artifact, Cache
from honesty.interfaces import Judge, Suite
from honesty.metrics.controls import controls
from honesty.metrics.slices import score_slices
from honesty.metrics.transition import tabulate
from honesty.specs import Probe
from honesty.stages.generate import Engines
from honesty.stages.judge import answers
from honesty.stages.probe import ask
from honesty.types import Answer, HonestyError, Label, ModelRef, Pair, Prompt, Question, Score, Transition

SAMPLES_PER_CELL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two models of one comparison and the prompt the second one gets."""

    before: ModelRef
    after: ModelRef
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything measured on one evaluation set."""

    dataset: str
    table: Transition
    scores: Mapping[str, Score]
    controls: Mapping[str, Mapping[str, Score]]
    slices: Mapping[str, Sequence[Mapping[str, Any]]]
    samples: Sequence[Mapping[str, Any]]
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``result.json``."""
        return {
            "dataset": self.dataset,
            "n": self.table.n,
            "unjudged": len(self.table.unjudged),
            "cells": {str(cell): count for cell, count in self.table.cells.items()},
            "scores": _plain(self.scores),
            "controls": {name: _plain(scores) for name, scores in self.controls.items()},
            "slices": {name: [_plain(row) for row in rows] for name, rows in self.slices.items()},
            "samples": list(self.samples),
        }

    def outcomes(self) -> list[dict[str, Any]]:
        """Return the rows of ``outcomes.jsonl``, by cell; unjudged questions last with cell ``None``."""
        rows = [
            {"dataset": self.dataset, "id": name, **asdict(outcome)}
            for outcome, ids in sorted(self.table.outcomes.items())
            for name in ids
        ]
        unjudged = {"cell": None, "loose_before": False, "loose_after": False}
        return rows + [{"dataset": self.dataset, "id": name, **unjudged} for name in self.table.unjudged]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _score(value) if isinstance(value, Score) else value for key, value in values.items()}


def _score(score: Score) -> dict[str, Any]:
    return {key: value for key, value in asdict(score).items() if key != "name"}


def evaluate(
    cache: Cache,
    engines: Engines,
    sides: Sides,
    dataset: str,
    questions: Sequence[Question],
    *,
    probe: Probe,
    judge: Judge,
    suite: Suite,
) -> Evaluation:
    """Ask both models, judge, pair and score. Questions with slices (FactWorld's exposure) are sampled too, so that expected
    accuracy can be read beside what is known of the question.
    """
    what = f"{len(questions):,} evaluation questions"
    before = ask(cache, engines, sides.before, questions, Prompt.PLAIN, probe.greedy, judge, f"before, {what}")
    after = ask(cache, engines, sides.after, questions, sides.prompt, probe.greedy, judge, f"after, {what}")
    artifacts = {f"verdicts_before/{dataset}": before, f"verdicts_after/{dataset}": after}
    sampled: dict[str, Mapping[str, float | None]] = {}
    if any(question.slices for question in questions):
        first = ask(cache, engines, sides.before, questions, Prompt.PLAIN, probe.samples, judge, f"before, {what}")
        second = ask(cache, engines, sides.after, questions, sides.prompt, probe.samples, judge, f"after, {what}")
        artifacts |= {f"samples_before/{dataset}": first, f"samples_after/{dataset}": second}
        sampled = {"expected_accuracy_before": _expected(questions, first), "expected_accuracy": _expected(questions, second)}
    answers_before = [one[0] for one in answers(before)]
    answers_after = [one[0] for one in answers(after)]
    table = tabulate(pair(questions, answers_before, answers_after))
    return Evaluation(
        dataset=dataset,
        table=table,
        scores=suite.score(table),
        controls=controls(table, suite),
        slices=score_slices(suite, table, questions, sampled),
        samples=_samples(table, questions, answers_before, answers_after),
        artifacts=artifacts,
    )


def pair(questions: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]) -> list[Pair]:
    """Return one pair per question.

    Raises:
        HonestyError: when the two sides do not answer the same questions.
    """
    if not len(questions) == len(before) == len(after):
        raise HonestyError(f"{len(questions)} questions, {len(before)} answers before and {len(after)} after: they must match")
    rows = zip(questions, before, after, strict=True)
    return [Pair(question_id=question.id, before=one.verdict, after=two.verdict) for question, one, two in rows]


def _expected(questions: Sequence[Question], artifact: Artifact) -> dict[str, float | None]:
    """Return the expected accuracy of each question by its id (None where no sample could be judged)."""
    values: dict[str, float | None] = {}
    for question, samples in zip(questions, answers(artifact), strict=True):
        labels = [answer.verdict.label for answer in samples if answer.verdict.label is not None]
        values[question.id] = sum(label is Label.CORRECT for label in labels) / len(labels) if labels else None
    return values


def _samples(
    table: Transition, questions: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]
) -> list[dict[str, Any]]:
    """Return the first few questions of every cell, with both responses, for people to read."""
    cell_of = {name: outcome.cell for outcome, ids in table.outcomes.items() for name in ids}
    taken: dict[int | None, int] = {}
    rows = []
    for question, one, two in zip(questions, before, after, strict=True):
        cell = cell_of.get(question.id)
        taken[cell] = taken.get(cell, 0) + 1
        if taken[cell] <= SAMPLES_PER_CELL:
            rows.append(
                {
                    "id": question.id,
                    "question": question.text,
                    "answers": list(question.answers),
                    "before": one.text,
                    "after": two.text,
                    "cell": cell,
                }
            )
    return sorted(rows, key=lambda row: row["cell"] if row["cell"] is not None else 99)
