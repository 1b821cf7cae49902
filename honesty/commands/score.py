"""`honesty score`: two files of responses (or verdicts), before and after, to the nine cells and the scores."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from honesty.cache import Cache
from honesty.commands.judge import model_arguments, named_judge, rules_argument
from honesty.commands.rated import score_rated
from honesty.commands.sides import Side, check_same, read_sides
from honesty.config import CONF, load, names
from honesty.interfaces import RatedSuite
from honesty.types import InputError, Pair, Score, Transition


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("before", type=Path, metavar="BEFORE.jsonl", help="responses (or verdicts) of the unaligned model")
    parser.add_argument("after", type=Path, metavar="AFTER.jsonl", help="responses (or verdicts) of the aligned model")
    rules_argument(parser, "how responses are judged; scripts also fills empty denominators as the released scripts do")
    parser.add_argument(
        "--judge", metavar="NAME", help=f"judge by any file of conf/judge instead of by --rules: {', '.join(names('judge'))}"
    )
    model_arguments(parser, "judge.model.path=DIR, metrics.judge.model.path=DIR")
    parser.add_argument("--metrics", default="honesty", metavar="SUITE", help=f"which scores: {', '.join(names('metrics'))}")
    parser.add_argument("--json", action="store_true", help="print one JSON object, values in 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What two files say together; no ``table`` where a judge model rated their responses."""

    table: Transition | None
    scores: Mapping[str, Score]
    n: int
    unjudged: int
    controls: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    slices: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def run(args: Namespace) -> None:
    """Print the cells and scores of two files as tables, or as one JSON object."""
    result = score(args.before, args.after, args.rules, args.metrics, args.judge, args.override, args.cache)
    if args.json:
        print(json.dumps(as_plain(result), allow_nan=False))
    else:
        _show(result, args.before, args.after)


def score(
    before: Path,
    after: Path,
    rules: str = "default",
    metrics: str = "honesty",
    judge: str | None = None,
    overrides: Sequence[str] = (),
    cache: Path = Path("outputs/cache"),
) -> Result:
    """Pair two files by question id and score them.

    ``rules`` names the judge, unless ``judge`` names one of conf/judge; "scripts" also fills empty denominators as the released
    scripts do. ``metrics`` names a suite of conf/metrics, ``overrides`` are settings of it or of the judge.

    Raises:
        InputError: no such suite or judge, a fault in a file, ids in one file only, or one id for two questions.
    """
    if metrics not in names("metrics"):  # known before the files are read
        raise InputError(f"no suite of metrics is called {metrics!r}; there are {', '.join(names('metrics'))}")
    of_suite = [each for each in overrides if each.lstrip("+~").startswith("metrics")]
    of_judge = [each for each in overrides if each not in of_suite]
    if "judge" in yaml.safe_load((CONF / "metrics" / f"{metrics}.yaml").read_text(encoding="utf-8")):
        if judge is not None or of_judge:
            raise InputError(f"--metrics {metrics} has a judge of its own: set it with -o metrics.judge.KEY=VALUE")
        return _rated(before, after, load("metrics", metrics, of_suite), Cache(root=cache))
    sides = read_sides(before, after, named_judge(judge if judge is not None else rules, of_judge), Cache(root=cache))
    return _judged(sides, metrics, [*(["metrics.empty=scripts"] if rules == "scripts" else []), *of_suite])


def _judged(sides: tuple[Side, Side], metrics: str, settings: Sequence[str]) -> Result:
    # imported here, after the second process was forked off: numpy starts threads, and forking with threads is unsafe
    from honesty.metrics.controls import controls
    from honesty.metrics.suite import Suite, unstated
    from honesty.metrics.transition import tabulate

    suite: Suite = load("metrics", metrics, settings)
    table = tabulate(pair(*sides))
    confidences = suite.confidences(sides[1].said.items())
    curves = suite.curves(table, confidences)
    for note in unstated(curves):
        print(f"warning: {sides[1].path}: {note}", file=sys.stderr)
    return Result(
        table=table,
        scores=suite.score(table, None, confidences),
        n=table.n,
        unjudged=table.lacking,
        controls=controls(table, suite),
        curves=curves,
    )


def _rated(before: Path, after: Path, suite: RatedSuite, cache: Cache) -> Result:
    found = score_rated(before, after, suite, cache)
    return Result(table=None, scores=found.scores, n=found.n, unjudged=found.unjudged, slices=found.slices)


def pair(before: Side, after: Side) -> list[Pair]:
    """Return the verdicts of both sides question by question, in the order of ``before``.

    Raises:
        InputError: the sides are not about the same questions.
    """
    check_same(before, after)
    return [Pair(question_id=key, before=verdict, after=after.verdicts[key]) for key, verdict in before.verdicts.items()]


def as_plain(result: Result) -> dict[str, Any]:
    """Return the cells and scores as JSON values; scores are fractions, ``None`` where undefined.

    Beside them the slices and the curves, where there are any.
    """
    return {
        "cells": {str(cell): count for cell, count in result.table.cells.items()} if result.table is not None else {},
        "unjudged": result.unjudged,
        "scores": _plain(result.scores),
        **({"slices": {name: list(map(_plain, rows)) for name, rows in result.slices.items()}} if result.slices else {}),
        **({"curves": result.curves} if result.curves else {}),
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return scores by name, and what stands among them, as JSON values."""
    return {
        name: {"value": one.value, "n": one.n, "low": one.low, "high": one.high, **_bounds(one)}
        if isinstance(one, Score)
        else one
        for name, one in row.items()
    }


def _bounds(score: Score) -> dict[str, float | None]:
    return {"least": score.least, "most": score.most} if score.unjudged else {}


def _show(result: Result, before: Path, after: Path) -> None:
    # imported here: rich tables are not needed for --json
    from honesty.report.load import Evaluation, Job, Slice
    from honesty.report.terminal import show_job

    evaluation = Evaluation(
        dataset=f"{before.name} and {after.name}",
        n=result.n,
        unjudged=result.unjudged,
        cells=result.table.cells if result.table is not None else {},
        scores=result.scores,
        controls=result.controls,
        slices={
            name: tuple(
                Slice(name=row["slice"], n=row["n"], scores={key: one for key, one in row.items() if isinstance(one, Score)})
                for row in rows
            )
            for name, rows in result.slices.items()
        },
        curves={name: tuple(rows) for name, rows in result.curves.items()},
    )
    show_job(
        Job(
            directory=before.parent,
            status="ok",
            job="",
            strategy="",
            model="",
            dataset=after.name,
            seed=None,
            evaluations=(evaluation,),
        )
    )
