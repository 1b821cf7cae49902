"""Texts to verdicts. Separate from generating: another judge never generates a text again."""

import json
from collections.abc import Sequence
from pathlib import Path

from honesty.cache import Artifact, Cache, write_text
from honesty.code import code_digest
from honesty.interfaces import Judge
from honesty.stages.generate import questions_digest, texts
from honesty.types import Answer, Label, Question, Verdict

VERSION = 1


def judge(cache: Cache, questions: Sequence[Question], generated: Artifact, judge: Judge, what: str) -> Artifact:
    """Return the artifact with one list of answers (text and verdict) per question, in the order of ``questions``."""
    return cache.stage(
        "judge",
        VERSION,
        identity={"judge": judge, "code": code_digest(judge)},
        upstream={"texts": generated.digest, "questions": questions_digest(questions)},
        work=lambda scratch: _judge(questions, generated, judge, scratch),
        what=what,
        shown=False,
    )


def _judge(questions: Sequence[Question], generated: Artifact, judge: Judge, scratch: Path) -> dict[str, int]:
    lines = []
    counts = {"responses": 0, "unjudged": 0}
    for question, generation in zip(questions, texts(generated), strict=True):
        verdicts = [judge(question, text) for text in generation.texts]
        counts["responses"] += len(verdicts)
        counts["unjudged"] += sum(verdict.label is None for verdict in verdicts)
        row = [
            [text, verdict.label, verdict.loosely_correct, verdict.evidence]
            for text, verdict in zip(generation.texts, verdicts, strict=True)
        ]
        lines.append(json.dumps({"id": question.id, "judge": judge.name, "answers": row}, ensure_ascii=False) + "\n")
    write_text(scratch / "answers.jsonl", "".join(lines))
    return counts


def answers(artifact: Artifact) -> list[list[Answer]]:
    """Read the answers of an artifact back: one list per question, one answer per text."""
    found = []
    with (artifact.path / "answers.jsonl").open(encoding="utf-8", errors="surrogatepass") as lines:
        for line in lines:
            row = json.loads(line)
            found.append([_answer(row["judge"], *fields) for fields in row["answers"]])
    return found


def _answer(judge: str, text: str, label: str | None, loosely_correct: bool, evidence: str) -> Answer:
    verdict = Verdict(
        label=Label(label) if label is not None else None, loosely_correct=loosely_correct, judge=judge, evidence=evidence
    )
    return Answer(text=text, verdict=verdict)
