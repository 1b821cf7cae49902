"""`honesty make-pkqa`: questions a model certainly knows, written and answered by itself."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from honesty.cache import Cache
from honesty.commands.card import card_path, refuse_unwritable, told, write_with_card
from honesty.commands.judge import override_argument
from honesty.config import load, names
from honesty.data.generated import TOPICS
from honesty.stages.generate import Engines
from honesty.stages.pkqa import Known, Requests, known
from honesty.stages.pretrain import reference
from honesty.types import InputError, ModelRef, Sampling

GROUPS = {"model": "hf", "engine": "hf", "probe": "sample", "judge": "default"}


def arguments(parser: ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("out", type=Path, metavar="OUT.jsonl", help="questions to write; OUT.card.json is written beside")
    override_argument(
        parser, "model=NAME (a file of conf/model; default hf), model.path=DIR, model.prompt.wrap=chat, engine.device=cpu ..."
    )
    parser.add_argument("--judge", default="default", metavar="NAME", help="a file name of conf/judge (default: %(default)s)")
    parser.add_argument("--topics", type=Path, metavar="FILE", help="one topic a line, instead of the paper's 22")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="replies asked for a topic (default: %(default)s)")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="questions to draw (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the replies and of the draw (default: 0)")
    parser.add_argument(
        "--max-new-tokens", type=int, default=1024, metavar="N", help="room for the 20 questions of a reply (default: 1024)"
    )
    parser.add_argument("--cache", type=Path, default=Path("outputs/cache"), metavar="DIR", help="default: %(default)s")


def run(args: Namespace) -> None:
    """Ask the model for questions, keep those that pass the rules and that it answers right, and write some of each topic.

    That an answer is right is the model's own word here: no judge verifies it (the paper had ChatGPT do that).

    Raises:
        InputError: a fault in the arguments, or fewer questions than asked for (what was made stays in the cache).
    """
    refuse_unwritable(args.out)
    if args.count < 1:
        raise InputError(f"--count must be at least 1, not {args.count}")
    requests = _requests(args)
    model, engine, probe, judge = (_load(group, args) for group in GROUPS)
    cache = Cache(root=args.cache)
    ref = reference(cache, model)
    found = _known(cache, Engines(engine), ref, requests, judge, probe.greedy)
    print(told(found.counts), file=sys.stderr)
    rows = found.draw(args.count, args.seed)
    if len(rows) < args.count:
        raise InputError(_too_few(found, args))
    write_with_card(args.out, rows, _card(ref, requests, judge, found, rows))
    _report(args.out, requests, rows)


def _known(cache: Cache, engines: Engines, ref: ModelRef, requests: Requests, judge: Any, greedy: Sampling) -> Known:
    try:
        return known(cache, engines, ref, requests, judge, greedy)
    except InputError as error:
        # an engine knows the setting by its own name only, and two commands' worth of settings have that one
        if f"max_new_tokens={requests.max_new_tokens} " not in str(error):
            raise
        raise InputError(f"{error}. Here --max-new-tokens sets it (a reply of 20 questions takes about 500)") from error


def _load(group: str, args: Namespace) -> Any:
    """Build the record of one group from what ``-o`` chose for it and set in it."""
    name = args.judge if group == "judge" else GROUPS[group]
    settings = [f"seed={args.seed}"]
    for override in args.override:
        key, equals, value = override.partition("=")
        if not equals or key.partition(".")[0] not in GROUPS:
            raise InputError(
                f"-o {override}: write KEY=VALUE, where the key is one of {', '.join(GROUPS)}, or in one (model.path)"
            )
        if key == group:
            name = value
        elif key.startswith(f"{group}."):
            settings.append(override)
    if name not in names(group):
        raise InputError(f"no {group} is called {name!r}; there are {', '.join(names(group))}")
    return load(group, name, settings)


def _requests(args: Namespace) -> Requests:
    topics: Sequence[str] = TOPICS if args.topics is None else _topics(args.topics)
    try:
        return Requests(topics=topics, rounds=args.seeds, seed=args.seed, max_new_tokens=args.max_new_tokens)
    except ValueError as error:
        raise InputError(str(error)) from error


def _topics(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{path}: cannot be read: {reason}; give a text file with one topic a line") from error
    met: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        topic = line.strip()
        if topic and met.setdefault(topic, number) != number:
            raise InputError(f"{path}:{number}: the topic {topic!r} is already on line {met[topic]}; remove one")
    if not met:
        raise InputError(f"{path}: there is no topic in it; write one a line")
    return list(met)


def _too_few(found: Known, args: Namespace) -> str:
    have = found.counts["answered_right"]
    advice = f"--count {have} writes these, " if have else "see above where they were lost; "
    return (
        f"{have:,} questions are left, --count asks for {args.count:,}: {advice}--seeds {2 * args.seeds} asks for more. "
        f"Nothing was written; all replies are kept in {args.cache} and not asked for again"
    )


def _card(ref: ModelRef, requests: Requests, judge: Any, found: Known, rows: Sequence[Any]) -> dict[str, Any]:
    model = {name: getattr(ref, name) for name in ("name", "path", "revision", "digest", "dtype", "wrap")}
    return {
        "what": "prior known questions (PKQA), written and answered by the model itself",
        "model": model,
        "seed": requests.seed,
        "requests": requests,
        "judge": judge,
        "verified": "no: that an answer is right is the model's own word",
        "counts": found.counts,
        "answered_right_by_topic": {topic: len(those) for topic, those in found.rows.items()},
        "drawn_by_topic": _by_topic(requests.topics, rows),
    }


def _by_topic(topics: Sequence[str], rows: Sequence[Any]) -> dict[str, int]:
    drawn = [row["topic"] for row in rows]
    return {topic: drawn.count(topic) for topic in topics}


def _report(out: Path, requests: Requests, rows: Sequence[Any]) -> None:
    counts = _by_topic(requests.topics, rows)
    fewest = min(counts, key=lambda topic: counts[topic])
    text = f"{out}: {len(rows):,} questions on {len(counts)} topics, {counts[fewest]} on the one with fewest ({fewest})"
    print(f"{text}; {card_path(out).name} beside it. No judge has verified the answers", file=sys.stderr)
