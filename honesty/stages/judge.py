"""Texts to verdicts. Separate from generating: another judge never generates a text again."""

import json
from collections.abc import Sequence
from pathlib import Path

from honesty.cache import Artifact, Cache, write_text
from honesty.code import code_digest
from honesty.interfaces import AnyJudge, AskingJudge
from honesty.progress import console
from honesty.stages.asking import Asking, asking, finished
from honesty.stages.generate import Engines, questions_digest, texts
from honesty.types import Answer, Generation, Label, Question, Verdict

VERSION = 1


def judge(
    cache: Cache, questions: Sequence[Question], generated: Artifact, judge: AnyJudge, what: str, engines: Engines | None = None
) -> Artifact:
    """Return the artifact with one list of answers (text and verdict) per question, in the order of ``questions``.

    What a judge's model left unjudged is asked again by the same call (see `finished`). ``engines`` keeps that model loaded for
    the next call.
    """
    ask = asking(cache, judge, engines, what) if isinstance(judge, AskingJudge) else None
    identity = {"judge": judge, "code": code_digest(judge)}
    upstream = {"texts": generated.digest, "questions": questions_digest(questions)}
    if ask is not None:
        upstream["model"] = ask.ref.digest

    def find() -> list[Verdict]:
        rows = [(one, text) for one, made in zip(questions, texts(generated), strict=True) for text in made.texts]
        if isinstance(judge, AskingJudge):
            assert ask is not None
            return ask_all(judge, rows, ask)
        return [judge(question, text) for question, text in rows]

    def write(verdicts: Sequence[Verdict], scratch: Path) -> dict[str, int]:
        return _write(questions, texts(generated), verdicts, judge.name, scratch)

    return finished(cache, "judge", VERSION, identity=identity, upstream=upstream, ask=ask, find=find, write=write, what=what)


def ask_all(judge: AskingJudge, rows: Sequence[tuple[Question, str]], ask: Asking) -> list[Verdict]:
    """Return a judge model's verdicts on rows, in order; a line says how many it left unjudged, and why."""
    verdicts = list(judge.batch(rows, ask))
    if told := ask.told(sum(verdict.label is None for verdict in verdicts), len(verdicts)):
        console.print(f"  {told}", soft_wrap=True, markup=False)
    return verdicts


def judge_rows(
    cache: Cache, rows: Sequence[tuple[Question, str]], judge: AnyJudge, of: str, engines: Engines | None = None
) -> list[Verdict]:
    """Return the verdicts on rows that no stage has made, for the `honesty` command; a model's replies are kept anyway.

    ``of`` is where the responses are from (it is told); ``engines`` keeps that model loaded for the next call.
    """
    if isinstance(judge, AskingJudge):
        return ask_all(judge, rows, asking(cache, judge, engines, f"{len(rows):,} responses of {of}"))
    return [judge(question, text) for question, text in rows]


def _write(
    questions: Sequence[Question], drawn: Sequence[Generation], verdicts: Sequence[Verdict], judge: str, scratch: Path
) -> dict[str, int]:
    rest = iter(verdicts)
    lines = []
    for question, made in zip(questions, drawn, strict=True):
        row = [[text, one.label, one.loosely_correct, one.evidence] for text, one in zip(made.texts, rest, strict=False)]
        lines.append(json.dumps({"id": question.id, "judge": judge, "answers": row}, ensure_ascii=False) + "\n")
    write_text(scratch / "answers.jsonl", "".join(lines))
    return {"responses": len(verdicts), "unjudged": sum(verdict.label is None for verdict in verdicts)}


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
