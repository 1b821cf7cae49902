"""What the unaligned model knows: greedy answer and m samples per training question, judged.

Source: Alignment for Honesty, section 3.2.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from honesty.cache import Artifact, Cache, digest
from honesty.data.distinct import without
from honesty.data.records import write_knowledge
from honesty.interfaces import AnyJudge
from honesty.progress import console
from honesty.specs import Probe
from honesty.stages.generate import Engines, generate, questions_digest
from honesty.stages.judge import answers, judge
from honesty.types import Answer, InputError, Knowledge, Label, ModelRef, Prompt, Question, Sampling

VERSION = 1

Unmet = Callable[[str, str], None]
"""Told of a setting that the data cannot meet, and how far it was met."""


def ask(
    cache: Cache,
    engines: Engines,
    ref: ModelRef,
    questions: Sequence[Question],
    prompt: Prompt,
    sampling: Sampling,
    verdicts: AnyJudge,
    what: str,
) -> Artifact:
    """Return the judged responses of ``ref`` to each question, ``sampling.n`` of them."""
    told = f"{what}, {sampling.n} samples each" if sampling.temperature > 0 else what
    drawn = generate(cache, engines, ref, questions, prompt, sampling, told)
    return judge(cache, questions, drawn, verdicts, told, engines)


def probe(
    cache: Cache,
    engines: Engines,
    ref: ModelRef,
    questions: Sequence[Question],
    settings: Probe,
    verdicts: AnyJudge,
    also: Sequence[str] = (),
    unmet: Unmet | None = None,
) -> Artifact:
    """Return the artifact whose ``knowledge.jsonl`` says what ``ref`` knows of each question (the authors' row format).

    A balanced draw keeps all questions whose ``source`` is in ``also``, beside the number it draws of the others.

    Raises:
        InputError: no judged question is left to balance.
    """
    what = f"{len(questions):,} training questions, greedy"
    first = ask(cache, engines, ref, questions, Prompt.PLAIN, settings.greedy, verdicts, what)
    chosen: Sequence[int] = range(len(questions))
    if settings.balance is not None:
        own = [i for i, question in enumerate(questions) if question.source not in also]
        greedy = [one[0] for one in answers(first)]
        drawn_of = balanced([greedy[i] for i in own], settings.balance, settings.seed, unmet)
        chosen = sorted({own[i] for i in drawn_of} | (set(chosen) - set(own)))
        questions = [questions[i] for i in chosen]
    what = f"{len(questions):,} training questions"
    drawn = ask(cache, engines, ref, questions, Prompt.PLAIN, settings.samples, verdicts, what)
    made_of = {"questions": questions_digest(questions), "greedy": first.digest, "samples": drawn.digest}
    return cache.stage(
        "probe",
        VERSION,
        identity={"balance": settings.balance},
        upstream={**made_of, "model": ref.digest},
        work=lambda scratch: _join(questions, first, chosen, drawn, ref, scratch),
        what=f"of {what}",
    )


def adopt(cache: Cache, ref: ModelRef, finished: Sequence[Knowledge], settings: Probe, unmet: Unmet | None = None) -> Artifact:
    """Return the artifact of a probe that was finished elsewhere, taken as speaking of ``ref``: nothing is asked or judged.

    Raises:
        InputError: it speaks of another model, or no judged question is left to balance.
    """
    stated = {one.model for one in finished} - {"", ref.digest}
    if stated:
        raise InputError(
            f"the finished probe speaks of model {min(stated)}, not of {ref.name} ({ref.digest}); probe this model instead"
        )
    if settings.balance is not None:
        chosen = balanced([one.greedy for one in finished], settings.balance, settings.seed, unmet)
        finished = [finished[i] for i in chosen]
    rows = [replace(one, model=ref.digest) for one in finished]
    return cache.stage(
        "probe",
        VERSION,
        identity={"finished": digest(rows)},
        upstream={"model": ref.digest},
        work=lambda scratch: _write(rows, scratch),
        what=f"of {len(rows):,} training questions, finished elsewhere",
    )


def apart(finished: Sequence[Knowledge], evaluation: Mapping[str, Sequence[Question]]) -> list[Knowledge]:
    """Return the rows whose question is in no evaluation set (by its normalised text); a note says how many are not.

    Raises:
        InputError: no row is left.
    """
    kept, counts = without([row.question for row in finished], evaluation)
    for name, count in counts.items():
        console.print(f"  note: {count:,} questions of the finished probe are in {name} too and were left out")
    if not kept:
        raise InputError("every question of the finished probe is in an evaluation set too: none is left to train on")
    ids = {question.id for question in kept}
    return [row for row in finished if row.question.id in ids]


def balanced(greedy: Sequence[Answer], count: int, seed: int, unmet: Unmet | None = None) -> list[int]:
    """Draw ``count`` questions, half known and half unknown, and return their places in order.

    Known is a correct greedy answer, unknown a wrong or an idk one; unjudged questions are never drawn. A side with too few
    gives all it has and the other side stays at its half: then there are fewer, a note says so, and ``unmet`` is told.

    Raises:
        InputError: no question is judged.
    """
    labels = [answer.verdict.label for answer in greedy]
    sides = {
        "unknown": [i for i, label in enumerate(labels) if label in (Label.WRONG, Label.IDK)],
        "known": [i for i, label in enumerate(labels) if label is Label.CORRECT],
    }
    wanted = {"unknown": count - count // 2, "known": count // 2}
    if not any(sides.values()):
        raise InputError(f"probe.balance={count}: not one of {len(labels):,} greedy answers is judged; nothing can be drawn")
    if any(len(places) < wanted[side] for side, places in sides.items()):
        console.print(
            f"  note: probe.balance={count:,} wants {wanted['known']:,} known and {wanted['unknown']:,} unknown questions; "
            f"there are {len(sides['known']):,} and {len(sides['unknown']):,}, so the training set is smaller than that",
            soft_wrap=True,
        )
        if unmet is not None:
            drawn = {side: min(len(places), wanted[side]) for side, places in sides.items()}
            unmet(f"probe.balance={count}", f"{drawn['known']:,} known and {drawn['unknown']:,} unknown questions")
    chosen: list[int] = []
    for side, places in sides.items():
        draw = random.Random(f"balance {side} {seed}")
        chosen += draw.sample(places, min(wanted[side], len(places)))
    return sorted(chosen)


def _join(
    questions: Sequence[Question], first: Artifact, chosen: Sequence[int], drawn: Artifact, ref: ModelRef, scratch: Path
) -> dict[str, int]:
    greedy = answers(first)
    rows = [
        Knowledge(question=question, greedy=greedy[i][0], samples=tuple(many), model=ref.digest)
        for question, i, many in zip(questions, chosen, answers(drawn), strict=True)
    ]
    return _write(rows, scratch)


def _write(rows: Sequence[Knowledge], scratch: Path) -> dict[str, int]:
    write_knowledge(scratch / "knowledge.jsonl", rows)
    labels = [row.greedy.verdict.label for row in rows]
    known, unjudged = labels.count(Label.CORRECT), labels.count(None)
    told = {"unjudged": unjudged} if unjudged else {}
    samples = [sample.verdict.label for row in rows for sample in row.samples]
    drawn = {"samples": len(samples), "samples_unjudged": samples.count(None)}
    return {"questions": len(rows), "known": known, "unknown": len(rows) - known - unjudged, **told, **drawn}


def lacking(probed: Artifact) -> str:
    """Return what of a probe could not be judged, as a sentence; "" when nothing (or when it was made before that was kept)."""
    counts = probed.record["counts"]
    if not counts.get("samples_unjudged"):
        return ""
    of = f"{counts['samples_unjudged']:,} of {counts['samples']:,} samples of the training questions"
    return f"{of} could not be judged: they taught nothing, and what a question was taught rests on fewer samples"
