"""`honesty build`: knowledge to fine-tuning rows, by a strategy."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from honesty.commands.judge import override_argument, refuse_same, rules_argument
from honesty.config import load, names
from honesty.data.records import read_knowledge, write_examples
from honesty.interfaces import Strategy
from honesty.prompts import IDK
from honesty.stages.build import examples
from honesty.types import InputError


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("strategy", metavar="STRATEGY", help="a file name of conf/strategy, e.g. multisample")
    parser.add_argument("knowledge", type=Path, metavar="KNOWLEDGE.jsonl", help="greedy and sampled responses with labels")
    parser.add_argument("out", type=Path, metavar="OUT.jsonl", help="fine-tuning rows to write")
    rules_argument(parser, "scripts: strategy.rule=scripts where the strategy has a rule")
    override_argument(parser, "e.g. strategy.threshold=0.3")


def run(args: Namespace) -> None:
    """Write the rows a strategy makes of a knowledge file.

    ``--rules scripts`` sets ``strategy.rule=scripts`` where the strategy has a rule; overrides come after it and win.

    Raises:
        InputError: a fault in the file or the configuration, or a strategy that trains nothing.
    """
    name, knowledge, out = args.strategy, args.knowledge, args.out
    strategy = _strategy(name, args.rules, args.override)
    refuse_same(knowledge, out)
    known = read_knowledge(knowledge)
    rows = examples(strategy, known)
    if not rows:
        raise InputError(
            f"{knowledge}: strategy {name} makes no row of it: no response that it needs is judged; judge them first"
        )
    write_examples(out, rows)
    idk = sum(row.response == IDK for row in rows)
    print(f"{out}: {len(rows):,} rows of {len(known):,} questions, {idk:,} of them idk", file=sys.stderr)


def _strategy(name: str, rules: str, overrides: Sequence[str]) -> Strategy:
    if name not in names("strategy"):
        raise InputError(f"no strategy is called {name!r}; there are {', '.join(names('strategy'))}")
    strategy: Strategy = load("strategy", name, overrides)
    if not strategy.trains:
        raise InputError(f"strategy {name} trains nothing, so there are no rows to build; choose one that fine-tunes")
    if rules == "scripts" and hasattr(strategy, "rule"):
        strategy = load("strategy", name, ["strategy.rule=scripts", *overrides])
    return strategy
