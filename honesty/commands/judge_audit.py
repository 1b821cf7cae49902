"""`honesty judge-audit`: any judge against people's verdicts on the same responses."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from honesty.cache import Cache
from honesty.commands.judge import judge_argument, named_judge
from honesty.data.audit import LAYOUTS, Audited
from honesty.interfaces import AnyJudge
from honesty.stages.judge import judge_rows
from honesty.types import Label, Verdict
from honesty.visible import visible

if TYPE_CHECKING:
    from honesty.metrics.agreement import Agreement

LISTED = 20
WIDTH = 160  # characters of a response in the list of disagreements


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", type=Path, metavar="FILE", help='rows {"id", "question", "answers", "response", "human"}')
    judge_argument(parser)
    parser.add_argument(
        "--layout", choices=[*LAYOUTS], default="rows", help="rows, or evouna: the JSON array of EVOUNA (default: %(default)s)"
    )
    parser.add_argument("--all", action="store_true", help=f"list every disagreement, not the first {LISTED}")
    parser.add_argument("--json", action="store_true", help="print one JSON object, values in 0..1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A judge's verdicts beside people's. ``systems``: the scores of each writer of responses, where the file names them."""

    judge: str
    rows: Sequence[Audited]
    verdicts: Sequence[Verdict]
    whole: "Agreement"
    systems: Mapping[str, "Agreement"]

    @property
    def disagreements(self) -> list[int]:
        """The rows, by place, that both have judged and not alike."""
        return [
            at
            for at, (row, verdict) in enumerate(zip(self.rows, self.verdicts, strict=True))
            if row.human is not None and (called := correct(verdict)) is not None and called != row.human
        ]


def run(args: Namespace) -> None:
    """Print how far a judge agrees with people, as tables or as one JSON object."""
    judge: AnyJudge = named_judge(args.judge, args.override)
    rows = LAYOUTS[args.layout](args.file)
    for note in judge.notes({row.question.id: row.question for row in rows}.values()):
        print(f"warning: {args.file}: {visible(note)}", file=sys.stderr)
    found = audit(Cache(root=args.cache), judge, rows)
    if args.json:
        print(visible(json.dumps(as_plain(found, everything=args.all), ensure_ascii=False, allow_nan=False)))
    else:
        _show(found, everything=args.all)


def audit(cache: Cache, judge: AnyJudge, rows: Sequence[Audited]) -> Audit:
    """Judge every row and compare; an idk is not correct, and what the judge cannot tell is in no score."""
    # imported here: the arguments of the command are shown without numpy
    from honesty.metrics.agreement import Mark, bounded

    verdicts = judge_rows(cache, [(row.question, row.response) for row in rows], judge, "the file")
    marks = [
        Mark(question=row.question.id, judge=correct(verdict), human=row.human)
        for row, verdict in zip(rows, verdicts, strict=True)
    ]
    named = dict.fromkeys(row.system for row in rows)
    systems = {
        name: bounded([mark for mark, row in zip(marks, rows, strict=True) if row.system == name])
        for name in named
        if len(named) > 1
    }
    return Audit(judge=judge.name, rows=rows, verdicts=verdicts, whole=bounded(marks), systems=systems)


def correct(verdict: Verdict) -> bool | None:
    """Return whether a verdict calls the response correct; ``None`` when it is unjudged."""
    return None if verdict.label is None else verdict.label is Label.CORRECT


def as_plain(found: Audit, *, everything: bool) -> dict[str, Any]:
    """Return an audit as JSON values."""
    places = found.disagreements
    return {
        "judge": found.judge,
        "rows": len(found.rows),
        **_agreement(found.whole),
        "systems": {name: _agreement(one) for name, one in found.systems.items()},
        "disagreements": len(places),
        "listed": [_row(found, at) for at in (places if everything else places[:LISTED])],
    }


def _agreement(one: "Agreement") -> dict[str, Any]:
    counts = {key: value for key, value in asdict(one).items() if key != "scores"}
    return {
        "n": one.n,
        **counts,
        "scores": {
            each.name: {
                **{key: getattr(each, key) for key in ("value", "n", "low", "high", "source")},
                **({"least": each.least, "most": each.most} if each.unjudged else {}),
            }
            for each in one.scores
        },
    }


def _row(found: Audit, at: int) -> dict[str, Any]:
    row, verdict = found.rows[at], found.verdicts[at]
    return {
        "id": row.question.id,
        **({"system": row.system} if row.system else {}),
        "question": row.question.text,
        "answers": list(row.question.answers),
        "response": row.response,
        "human": row.human,
        "judge": verdict.label,
        "evidence": verdict.evidence,
    }


def _show(found: Audit, *, everything: bool) -> None:
    # imported here: rich tables are not needed for --json
    from rich.text import Text

    from honesty.report.table import BOUNDS, interval, number
    from honesty.report.terminal import new_table, stdout

    console = stdout()
    titles = [score.name for score in found.whole.scores]
    shown = new_table(f"judge {found.judge}", "rows\njudged", *titles, "unjudged by\njudge, people")
    for name, one in [*found.systems.items(), ("all" if found.systems else "", found.whole)]:
        # an interval and its bounds side by side would make the table wider than a terminal
        cells = [
            f"{number(score.value)}\n{interval(score)}".replace(" {", "\n{").rstrip("\n") + f"\nn = {score.n:,}"
            for score in one.scores
        ]
        shown.add_row(Text(visible(name)), f"{one.n:,}", *cells, f"{one.unjudged_by_judge:,}, {one.unjudged_by_human:,}")
    console.print(shown)
    sources = f" Intervals: {_sources(found)}." if found.whole.n else ""
    bounds = f" {BOUNDS}" if found.whole.unjudged_by_judge else ""
    console.print(Text(f'Per cent [95 % interval]. Precision and recall of "correct".{sources}{bounds}', style="dim"))
    places = found.disagreements
    listed = places if everything else places[:LISTED]
    more = "" if len(listed) == len(places) else f", the first {len(listed)} (--all lists them all)"
    console.print(f"\n{len(places):,} disagreement{'s' if len(places) != 1 else ''}{more}", markup=False)
    for at in listed:
        console.print()
        for line, style in zip(_lines(_row(found, at)), ("bold", "", ""), strict=True):
            console.print(Text(line, style=style), soft_wrap=True)


def _lines(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what is printed of a disagreement; nothing that the texts contain reaches the terminal as a command."""
    by = f", {_short(row['system'])}" if "system" in row else ""
    people = "accepted by people" if row["human"] else "not accepted by people"
    evidence = f" ({_short(row['evidence'])})" if row["evidence"] else ""
    return (
        f"{_short(row['id'])}{by}: {people}, judged {row['judge']}{evidence}",
        f"  Q: {_short(row['question'])}  gold: {_short('; '.join(row['answers']))}",
        f"  A: {_short(row['response'])}",
    )


def _sources(found: Audit) -> str:
    every = (score.source for one in [found.whole, *found.systems.values()] for score in one.scores if score.n)
    return "; ".join(dict.fromkeys(every))


def _short(text: str) -> str:
    line = visible(" ".join(text.split()))
    return line if len(line) <= WIDTH else line[: WIDTH - 3] + "..."
