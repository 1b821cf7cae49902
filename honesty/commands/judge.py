"""`honesty judge`: responses to verdicts."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path

from honesty.cache import Cache
from honesty.config import load, names
from honesty.data.records import Response, read_responses, write_verdicts
from honesty.interfaces import AnyJudge
from honesty.stages.generate import Engines
from honesty.stages.judge import judge_rows
from honesty.types import InputError, Label, Verdict

RULES = ("default", "scripts")


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("responses", type=Path, metavar="RESPONSES.jsonl", help="id, question, answers, response a line")
    parser.add_argument("out", type=Path, metavar="OUT.jsonl", help="verdicts to write")
    judge_argument(parser)


def judge_argument(parser: ArgumentParser) -> None:
    """Declare ``--judge`` and what goes with it: any judge of conf/judge, one that asks a model included."""
    parser.add_argument(
        "--judge", "--rules", default="default", metavar="NAME", help="a file name of conf/judge (default: %(default)s)"
    )
    model_arguments(parser, "judge.model.path=DIR")


def override_argument(parser: ArgumentParser, text: str) -> None:
    """Declare ``-o KEY=VALUE``, of which ``text`` says what it may be."""
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE", help=f"{text}; may be repeated")


def model_arguments(parser: ArgumentParser, example: str) -> None:
    """Declare what a judge that asks a model needs: ``-o`` for its settings and ``--cache`` for its replies."""
    override_argument(parser, f"e.g. {example}")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("outputs/cache"),
        help="where a judge model's replies are kept (default: %(default)s)",
    )


def named_judge(name: str, overrides: Sequence[str] = ()) -> AnyJudge:
    """Return a judge of conf/judge.

    Raises:
        InputError: there is none of that name, or an override does not fit it.
    """
    if name not in names("judge"):
        raise InputError(f"no judge is called {name!r}; there are {', '.join(names('judge'))}")
    judge: AnyJudge = load("judge", name, overrides)
    return judge


def rules_argument(parser: ArgumentParser, text: str) -> None:
    """Declare ``--rules``, of which ``text`` says what it does."""
    parser.add_argument("--rules", choices=RULES, default="default", help=f"{text} (default: %(default)s)")


def judge_responses(
    responses: Sequence[Response], judge: AnyJudge, of: Path, cache: Cache, engines: Engines | None = None
) -> dict[str, Verdict]:
    """Return the verdict of every response of the file ``of`` by question id, in order.

    A judge model's replies are kept in ``cache``; ``engines`` keeps that model loaded for the next call.
    """
    found = judge_rows(cache, [(response.question, response.text) for response in responses], judge, of.name, engines)
    return {response.question.id: verdict for response, verdict in zip(responses, found, strict=True)}


def run(args: Namespace) -> None:
    """Judge the responses of one file and write the verdicts to another.

    Raises:
        InputError: a fault in the file, or both paths are the same.
    """
    responses, out = args.responses, args.out
    refuse_same(responses, out)
    judge = named_judge(args.judge, args.override)
    rows = read_responses(responses)
    for note in judge.notes(row.question for row in rows):
        print(f"warning: {responses}: {note}", file=sys.stderr)
    verdicts = judge_responses(rows, judge, responses, Cache(root=args.cache))
    write_verdicts(out, verdicts)
    print(f"{out}: {len(verdicts):,} verdicts: {_counts(verdicts)}", file=sys.stderr)


def _counts(verdicts: Mapping[str, Verdict]) -> str:
    found = [verdict.label for verdict in verdicts.values()]
    return ", ".join(f"{found.count(label):,} {label}" for label in Label) + f", {found.count(None):,} unjudged"


def refuse_same(source: Path, out: Path) -> None:
    """Raise `InputError` when writing ``out`` would destroy ``source``."""
    if out.exists() and source.exists() and out.samefile(source):
        raise InputError(f"{out}: is the file to read; give another name for the output")
