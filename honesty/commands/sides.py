"""The two sides of a comparison, read from files: responses, judged here, or verdicts.

Two big files are read and judged at the same time, the first in a process of its own.
"""

import gc
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from honesty.cache import Cache
from honesty.commands.judge import judge_responses
from honesty.data.records import read_responses, read_verdicts
from honesty.data.rows import read_rows
from honesty.interfaces import AnyJudge, AskingJudge
from honesty.stages.generate import Engines
from honesty.types import InputError, Label, Verdict

SHOWN_IDS = 5
BIG = 4_000_000  # bytes; below, starting a process costs more than it saves


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One file: verdicts by question id (none where they are not asked for), and the questions' texts unless it has none.

    The verdicts are without evidence. ``said`` are the responses by question id, where they are asked for and the file
    has them. ``notes`` are what the judge says of the questions.
    """

    path: Path
    verdicts: Mapping[str, Verdict]
    texts: Mapping[str, str]
    said: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def ids(self) -> Mapping[str, object]:
        return self.verdicts if self.verdicts else self.texts


def check_same(before: Side, after: Side) -> None:
    """Refuse two sides that are not about the same questions.

    Raises:
        InputError: an id is in one of them only, or stands for two questions.
    """
    only_before = [key for key in before.ids if key not in after.ids]
    only_after = [key for key in after.ids if key not in before.ids]
    if only_before or only_after:
        found = [_unmatched(side, ids) for side, ids in ((before, only_before), (after, only_after)) if ids]
        raise InputError(f"{'; '.join(found)}. Before and after must have the same ids: give two runs over the same questions")
    for key, text in before.texts.items():
        if after.texts.get(key, text) != text:
            both = f"{text!r} in {before.path}, {after.texts[key]!r} in {after.path}"
            raise InputError(f"id {key!r} stands for two questions: {both}. Give two runs over the same questions")


def _unmatched(side: Side, ids: Sequence[str]) -> str:
    shown = ", ".join(map(repr, ids[:SHOWN_IDS])) + (", ..." if len(ids) > SHOWN_IDS else "")
    return f"{len(ids):,} of the {len(side.ids):,} ids in {side.path} are not in the other file ({shown})"


def read_sides(before: Path, after: Path, judge: AnyJudge, cache: Cache) -> tuple[Side, Side]:
    """Read both files under one judge and say on standard error what is odd about them. The second keeps its responses.

    A judge that asks a model takes one file after the other: its model is loaded once in this process, and its replies are kept
    in ``cache``.

    Raises:
        InputError: a fault in a file, or a file that holds neither responses nor verdicts.
    """
    if min(_size(before), _size(after)) < BIG or os.cpu_count() == 1 or isinstance(judge, AskingJudge):
        engines = Engines(judge.engine) if isinstance(judge, AskingJudge) else None
        sides = read_side(before, judge, cache, engines), read_side(after, judge, cache, engines, keep=True)
    else:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"), initializer=_leave_interrupts) as pool:
            # the second is read here: its responses need not be handed from one process to the other
            first = pool.submit(read_side, before, judge, cache)
            second = read_side(after, judge, cache, keep=True)
            sides = first.result(), second
    # the answers of both files are as a rule the same: those of one are told
    for side in [side for side in sides if side.notes][:1]:
        for note in side.notes:
            print(f"warning: {side.path}: {note}", file=sys.stderr)
    return sides


def read_side(path: Path, judge: AnyJudge, cache: Cache, engines: Engines | None = None, *, keep: bool = False) -> Side:
    """Read one file, judging its responses if it has them; with ``keep``, these stay with the side.

    ``engines`` keeps a judge's model loaded for the next file.

    Raises:
        InputError: a fault in the file, or it holds neither responses nor verdicts.
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing here is cyclic, and looking for cycles among a million new objects takes a quarter of the time
    try:
        return _read_side(path, judge, cache, engines, keep)
    finally:
        if collecting:
            gc.enable()


def _read_side(path: Path, judge: AnyJudge, cache: Cache, engines: Engines | None, keep: bool) -> Side:
    first = next(iter(read_rows(path)))
    if "response" in first.fields:
        responses = read_responses(path)
        return Side(
            path=path,
            verdicts=_bare(judge_responses(responses, judge, path, cache, engines)),
            texts={response.question.id: response.question.text for response in responses},
            said={response.question.id: response.text for response in responses} if keep else {},
            notes=judge.notes(response.question for response in responses),
        )
    if "label" in first.fields:
        return Side(path=path, verdicts=_bare(read_verdicts(path)), texts={})
    raise first.error('has neither "response" nor "label"; give a responses file, or verdicts as `honesty judge` writes them')


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by the process that waits for this one


def _bare(verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """Share one record among all verdicts that score alike, which keeps what one process hands the other small."""
    shared: dict[tuple[Label | None, bool], Verdict] = {}
    bare = {}
    for key, verdict in verdicts.items():
        kind = (verdict.label, verdict.loosely_correct)
        if kind not in shared:
            shared[kind] = Verdict(label=verdict.label, loosely_correct=verdict.loosely_correct, judge=verdict.judge)
        bare[key] = shared[kind]
    return bare


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
