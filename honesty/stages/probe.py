"""What the unaligned model knows: greedy answer and m samples per training question, judged.

Source: Alignment for Honesty, section 3.2.
"""

from collections.abc import Sequence
from pathlib import Path

from honesty.cache import Artifact, Cache
from honesty.data.records import write_knowledge
from honesty.interfaces import Judge
from honesty.specs import Probe
from honesty.stages.generate import Engines, generate, questions_digest
from honesty.stages.judge import answers, judge
from honesty.types import Knowledge, Label, ModelRef, Prompt, Question, Sampling

VERSION = 1


def ask(
    cache: Cache,
    engines: Engines,
    ref: ModelRef,
    questions: Sequence[Question],
    prompt: Prompt,
    sampling: Sampling,
    verdicts: Judge,
    what: str,
) -> Artifact:
    """Return the judged responses of ``ref`` to each question, ``sampling.n`` of them."""
    told = f"{what}, {sampling.n} samples each" if sampling.temperature > 0 else what
    drawn = generate(cache, engines, ref, questions, prompt, sampling, told)
    return judge(cache, questions, drawn, verdicts, told)


def probe(
    cache: Cache, engines: Engines, ref: ModelRef, questions: Sequence[Question], settings: Probe, verdicts: Judge
) -> Artifact:
    """Return the artifact whose ``knowledge.jsonl`` says what ``ref`` knows of each question (the authors' row format)."""
    what = f"{len(questions):,} training questions"
    first = ask(cache, engines, ref, questions, Prompt.PLAIN, settings.greedy, verdicts, f"{what}, greedy")
    drawn = ask(cache, engines, ref, questions, Prompt.PLAIN, settings.samples, verdicts, what)
    return cache.stage(
        "probe",
        VERSION,
        identity={},
        upstream={
            "questions": questions_digest(questions),
            "greedy": first.digest,
            "samples": drawn.digest,
            "model": ref.digest,
        },
        work=lambda scratch: _join(questions, first, drawn, ref, scratch),
        what=f"of {what}",
    )


def _join(questions: Sequence[Question], first: Artifact, drawn: Artifact, ref: ModelRef, scratch: Path) -> dict[str, int]:
    rows = [
        Knowledge(question=question, greedy=one[0], samples=tuple(many), model=ref.digest)
        for question, one, many in zip(questions, answers(first), answers(drawn), strict=True)
    ]
    write_knowledge(scratch / "knowledge.jsonl", rows)
    known = sum(row.greedy.verdict.label is Label.CORRECT for row in rows)
    return {"questions": len(rows), "known": known, "unknown": len(rows) - known}
