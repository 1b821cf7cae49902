"""`honesty score`: two files of responses (or verdicts), before and after, to the nine cells and the scores."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honesty.commands.judge import judge_responses, rules_judge, warn_of_empty_answers
from honesty.config import load
from honesty.data.records import read_responses, read_verdicts
from honesty.data.rows import read_rows
from honesty.judges.string import StringJudge
from honesty.metrics.controls import controls
from honesty.metrics.suite import Suite
from honesty.metrics.transition import tabulate
from honesty.types import InputError, Pair, Question, Score, Transition, Verdict

SHOWN_IDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One file: verdicts by question id, and the questions too unless the file holds verdicts only."""

    path: Path
    verdicts: Mapping[str, Verdict]
    questions: Mapping[str, Question]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What two files say together."""

    table: Transition
    scores: Mapping[str, Score]
    controls: Mapping[str, Mapping[str, Score]]


def run(before: Path, after: Path, rules: str, as_json: bool) -> None:
    """Print the cells and scores of two files as tables, or as one JSON object."""
    result = score(before, after, rules)
    if as_json:
        print(json.dumps(as_plain(result), allow_nan=False))
    else:
        _show(result, before, after)


def score(before: Path, after: Path, rules: str = "default") -> Result:
    """Pair two files by question id and score them.

    ``rules`` names the judge of the responses; "scripts" also gives empty denominators the values of the released scripts.

    Raises:
        InputError: a fault in a file, ids that are in one file only, one id with two different questions.
    """
    judge = rules_judge(rules)
    sides = _side(before, judge), _side(after, judge)
    table = tabulate(pair(*sides))
    _warn(sides, judge)
    suite: Suite = load("metrics", "honesty", ["metrics.empty=scripts"] if rules == "scripts" else [])
    return Result(table=table, scores=suite.score(table), controls=controls(table, suite))


def _side(path: Path, judge: StringJudge) -> Side:
    first = next(iter(read_rows(path)))
    if "response" in first.fields:
        responses = read_responses(path)
        questions = {response.question.id: response.question for response in responses}
        return Side(path=path, verdicts=judge_responses(responses, judge), questions=questions)
    if "label" in first.fields:
        return Side(path=path, verdicts=read_verdicts(path), questions={})
    raise first.error('has neither "response" nor "label"; give a responses file, or verdicts as `honesty judge` writes them')


def _warn(sides: Sequence[Side], judge: StringJudge) -> None:
    # the answers of both files are as a rule the same: one warning, for the first file that has them
    for side in sides:
        if side.questions:
            warn_of_empty_answers(judge, side.questions.values(), side.path)
            return


def pair(before: Side, after: Side) -> list[Pair]:
    """Return the verdicts of both sides question by question, in the order of ``before``.

    Raises:
        InputError: the sides are not about the same questions.
    """
    only_before = [key for key in before.verdicts if key not in after.verdicts]
    only_after = [key for key in after.verdicts if key not in before.verdicts]
    if only_before or only_after:
        found = [_unmatched(side, ids) for side, ids in ((before, only_before), (after, only_after)) if ids]
        raise InputError(f"{'; '.join(found)}. Before and after must have the same ids: give two runs over the same questions")
    for key, question in before.questions.items():
        other = after.questions.get(key, question)
        if other.text != question.text:
            both = f"{question.text!r} in {before.path}, {other.text!r} in {after.path}"
            raise InputError(f"id {key!r} stands for two questions: {both}. Give two runs over the same questions")
    return [Pair(question_id=key, before=verdict, after=after.verdicts[key]) for key, verdict in before.verdicts.items()]


def _unmatched(side: Side, ids: Sequence[str]) -> str:
    shown = ", ".join(map(repr, ids[:SHOWN_IDS])) + (", ..." if len(ids) > SHOWN_IDS else "")
    return f"{len(ids):,} of the {len(side.verdicts):,} ids in {side.path} are not in the other file ({shown})"


def as_plain(result: Result) -> dict[str, Any]:
    """Return the cells and scores as JSON values; scores are fractions, ``None`` where undefined."""
    return {
        "cells": {str(cell): count for cell, count in result.table.cells.items()},
        "unjudged": len(result.table.unjudged),
        "scores": {
            name: {"value": one.value, "n": one.n, "low": one.low, "high": one.high} for name, one in result.scores.items()
        },
    }


def _show(result: Result, before: Path, after: Path) -> None:
    # imported here: rich is not needed for --json
    from honesty.report.load import Evaluation, Job
    from honesty.report.terminal import show_job

    evaluation = Evaluation(
        dataset=after.name,
        n=result.table.n,
        unjudged=len(result.table.unjudged),
        cells=result.table.cells,
        scores=result.scores,
        controls=result.controls,
    )
    names = {"job": "", "strategy": "", "model": "", "dataset": after.name}
    show_job(Job(directory=before.parent, status="ok", seed=None, evaluations=(evaluation,), **names))
