"""The same questions to the unaligned and the aligned model, paired by question id and scored.

Source: Alignment for Honesty, section 2.3 (M_t under the plain prompt, M_{t+1} under the honest one).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from honesty.cache import Artifact, Cache
from honesty.interfaces import AnyJudge, Suite
from honesty.metrics.controls import controls
from honesty.metrics.slices import score_slices
from honesty.metrics.suite import unstated
from honesty.metrics.transition import tabulate
from honesty.specs import Probe
from honesty.stages.generate import Engines
from honesty.stages.judge import answers
from honesty.stages.probe import ask
from honesty.types import Answer, HonestyError, Label, ModelRef, Pair, Prompt, Question, Sampling, Score, Transition, Verdict

SAMPLES_PER_CELL = 3
EXPOSURE = "exposure"  # the slice whose questions are sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The two models of one comparison and the prompt the second one gets."""

    before: ModelRef
    after: ModelRef
    prompt: Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything measured on one evaluation set; ``notes`` say in a sentence each what was not."""

    dataset: str
    table: Transition
    scores: Mapping[str, Score]
    controls: Mapping[str, Mapping[str, Score]]
    slices: Mapping[str, Sequence[Mapping[str, Any]]]
    samples: Sequence[Mapping[str, Any]]
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``result.json``."""
        return {
            "dataset": self.dataset,
            "n": self.table.n,
            "unjudged": self.table.lacking,
            "cells": {str(cell): count for cell, count in self.table.cells.items()},
            "scores": plain(self.scores),
            "controls": {name: plain(scores) for name, scores in self.controls.items()},
            "slices": {name: [plain(row) for row in rows] for name, rows in self.slices.items()},
            "samples": list(self.samples),
            **({"curves": dict(self.curves)} if self.curves else {}),
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    def outcomes(self) -> list[dict[str, Any]]:
        """Return the rows of ``outcomes.jsonl``, by cell; unjudged questions last with cell ``None``."""
        rows = [
            {"dataset": self.dataset, "id": name, **asdict(outcome)}
            for outcome, ids in sorted(self.table.outcomes.items())
            for name in ids
        ]
        unjudged = {"cell": None, "loose_before": False, "loose_after": False}
        return rows + [
            {"dataset": self.dataset, "id": name, **unjudged, "gold": possible[0].gold}
            for possible, ids in self.table.unjudged.items()
            for name in ids
        ]


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores, and what stands among them, as JSON values."""
    return {key: _score(value) if isinstance(value, Score) else value for key, value in values.items()}


def _score(score: Score) -> dict[str, Any]:
    return {key: value for key, value in asdict(score).items() if key != "name" and (key, value) != ("unit", "share")}


def evaluate(
    cache: Cache,
    engines: Engines,
    sides: Sides,
    dataset: str,
    questions: Sequence[Question],
    *,
    probe: Probe,
    judge: AnyJudge,
    suite: Suite,
) -> Evaluation:
    """Ask both models, judge, pair and score.

    Questions that declare the unaligned model's label are not asked of it: that label is their verdict. Questions with the
    slice ``exposure`` (FactWorld's) are sampled too, so that expected accuracy can be read beside how often a fact was
    taught; other slices (a subject, a relation) only break the scores down, and cost nothing.
    """
    asked = [question for question in questions if question.declared is None]
    what = (f"before, {len(asked):,} questions of {dataset}", f"after, {len(questions):,} questions of {dataset}")

    def both(kind: str, sampling: Sampling) -> tuple[Artifact | None, Artifact]:
        before = ask(cache, engines, sides.before, asked, Prompt.PLAIN, sampling, judge, what[0]) if asked else None
        after = ask(cache, engines, sides.after, questions, sides.prompt, sampling, judge, what[1])
        named = {f"{kind}_before/{dataset}": before, f"{kind}_after/{dataset}": after}
        artifacts.update({name: artifact for name, artifact in named.items() if artifact is not None})
        return before, after

    artifacts: dict[str, Artifact] = {}
    before, after = both("verdicts", probe.greedy)
    sampled: dict[str, Mapping[str, Sequence[bool | None]]] = {}
    if any(EXPOSURE in question.slices for question in questions):
        first, second = both("samples", probe.samples)
        sampled = {"expected_accuracy_before": _drawn(asked, first), "expected_accuracy": _drawn(questions, second)}
    found = _scored(dataset, questions, _before(questions, before), [one[0] for one in answers(after)], sampled, suite)
    return replace(found, artifacts=artifacts)


def _scored(
    dataset: str,
    questions: Sequence[Question],
    before: Sequence[Answer],
    after: Sequence[Answer],
    sampled: Mapping[str, Mapping[str, Sequence[bool | None]]],
    suite: Suite,
) -> Evaluation:
    table = tabulate(pair(questions, before, after))
    confidences = suite.confidences((question.id, one.text) for question, one in zip(questions, after, strict=True))
    curves = suite.curves(table, confidences)
    return Evaluation(
        dataset=dataset,
        table=table,
        scores=_measured(suite.score(table, None, confidences), questions),
        controls=controls(table, suite),
        slices=score_slices(suite, table, questions, sampled, confidences),
        samples=_samples(table, questions, before, after),
        curves=curves,
        notes=[*notes(questions), *unstated(curves)],
    )


def _measured(scores: Mapping[str, Score], questions: Sequence[Question]) -> dict[str, Score]:
    """Return the scores; those of a before-column that is declared throughout lose their interval: nothing was sampled."""
    if any(question.declared is None for question in questions):
        return dict(scores)
    return {
        name: replace(score, low=None, high=None, source=f"{score.source.split(';')[0]}; declared by the set")
        if name.endswith("_before")
        else score
        for name, score in scores.items()
    }


def notes(questions: Sequence[Question]) -> list[str]:
    """Return what of the scores is not measured: labels the set declares, accuracy where there is no gold answer."""
    labels = Counter(question.declared for question in questions if question.declared is not None)
    blank = sum(not question.answers for question in questions)
    found = []
    if labels:
        known = labels[Label.CORRECT]
        kinds = {"known": known, "unknown": labels.total() - known}
        of = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
        found.append(
            f"before: declared by the set for {labels.total():,} of {len(questions):,} questions ({of}), not asked of the model"
        )
    if blank:
        found.append(f"{blank:,} of {len(questions):,} questions have no gold answer: accuracy leaves them out")
    return found


def _before(questions: Sequence[Question], asked: Artifact | None) -> list[Answer]:
    """Return one answer per question: what was asked, in its order, and an empty text with the label where it is declared."""
    rest = iter(answers(asked) if asked is not None else [])
    return [next(rest)[0] if question.declared is None else _declared(question.declared) for question in questions]


def _declared(label: Label) -> Answer:
    return Answer(text="", verdict=Verdict(label=label, loosely_correct=label is Label.CORRECT, judge="declared"))


def pair(questions: Sequence[Question], before: Sequence[Answer], after: Sequence[Answer]) -> list[Pair]:
    """Return one pair per question.

    Raises:
        HonestyError: when the two sides do not answer the same questions.
    """
    if not len(questions) == len(before) == len(after):
        raise HonestyError(f"{len(questions)} questions, {len(before)} answers before and {len(after)} after: they must match")
    rows = zip(questions, before, after, strict=True)
    return [
        Pair(question_id=question.id, before=one.verdict, after=two.verdict, gold=bool(question.answers))
        for question, one, two in rows
    ]


def _drawn(questions: Sequence[Question], artifact: Artifact | None) -> dict[str, list[bool | None]]:
    """Return whether each sample of each question is correct, by its id; None where it could not be judged."""
    return {
        question.id: [_right(answer.verdict.label) for answer in samples]
        for question, samples in zip(questions, answers(artifact) if artifact is not None else [], strict=True)
    }


def _right(label: Label | None) -> bool | None:
    return label is Label.CORRECT if label is not None else None


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
