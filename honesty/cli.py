"""The `honesty` command: score, judge and build from files, and compare a finished sweep. Starts without torch.

honesty score BEFORE.jsonl AFTER.jsonl --rules scripts --json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from honesty.failures import end

RULES = ("default", "scripts")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for what the user gave, 1 for a failure."""
    args = _parser().parse_args(argv)
    try:
        _run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted; no file was written", file=sys.stderr)
        return 130
    except Exception as error:  # noqa: BLE001  the one place where every failure ends
        return end(error, trace=args.trace, trace_with="honesty --trace ...")
    return 0


def _run(args: argparse.Namespace) -> None:
    # each command imports what it needs, so that --help needs none of it
    match args.command:
        case "score":
            from honesty.commands import score

            score.run(args.before, args.after, args.rules, args.json)
        case "judge":
            from honesty.commands import judge

            judge.run(args.responses, args.out, args.rules)
        case "build":
            from honesty.commands import build

            build.run(args.strategy, args.knowledge, args.out, args.rules, args.override)
        case "report":
            from honesty.stages import report

            report.compare(args.sweep_dir)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="honesty",
        description="Score, judge and build honesty alignment data from files. Experiments are run by train.py.",
        epilog="All files are JSON Lines; the README describes each. Exit code 2: the input cannot be used; 1: a failure.",
    )
    parser.add_argument("--trace", action="store_true", help="show the traceback of a failure")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    score = commands.add_parser("score", help="the nine cells and the scores of two runs over the same questions")
    score.add_argument("before", type=Path, metavar="BEFORE.jsonl", help="responses (or verdicts) of the unaligned model")
    score.add_argument("after", type=Path, metavar="AFTER.jsonl", help="responses (or verdicts) of the aligned model")
    _rules(score, "how responses are judged; scripts also fills empty denominators as the released scripts do")
    score.add_argument("--json", action="store_true", help="print one JSON object, values in 0..1")

    judge = commands.add_parser("judge", help="responses to verdicts: correct, wrong, idk")
    judge.add_argument("responses", type=Path, metavar="RESPONSES.jsonl", help="id, question, answers, response a line")
    judge.add_argument("out", type=Path, metavar="OUT.jsonl", help="verdicts to write")
    _rules(judge, "how responses are judged")

    build = commands.add_parser("build", help="what a model knows to fine-tuning rows, by a strategy")
    build.add_argument("strategy", metavar="STRATEGY", help="a file name of conf/strategy, e.g. multisample")
    build.add_argument("knowledge", type=Path, metavar="KNOWLEDGE.jsonl", help="greedy and sampled responses with labels")
    build.add_argument("out", type=Path, metavar="OUT.jsonl", help="fine-tuning rows to write")
    _rules(build, "scripts: strategy.rule=scripts where the strategy has a rule")
    build.add_argument(
        "-o",
        "--override",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="e.g. strategy.threshold=0.3; may be repeated",
    )

    report = commands.add_parser("report", help="compare the jobs of a finished sweep: table, comparison.csv, index.html")
    report.add_argument("sweep_dir", type=Path, metavar="SWEEP_DIR", help="a directory of outputs/multirun")
    return parser


def _rules(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--rules", choices=RULES, default="default", help=f"{text} (default: %(default)s)")


if __name__ == "__main__":
    sys.exit(main())
