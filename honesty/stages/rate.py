"""The same prompts, as they are, to the unaligned and the aligned model, and a judge model's ratings of what they say.

Source: Alignment for Honesty, section 4 (helpfulness and harmlessness; the prompt is the user's query alone).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from honesty.cache import Artifact, Cache, write_text
from honesty.code import code_digest
from honesty.interfaces import RatedSuite, Rater
from honesty.metrics.rated import by_slice
from honesty.progress import console
from honesty.stages.asking import Asking, asking, finished
from honesty.stages.evaluate import Sides, plain
from honesty.stages.generate import Engines, questions_digest, respond, texts
from honesty.types import Question, Sampling, Score

VERSION = 1
SHOWN = 4  # prompts that fell most, as many that rose most, and as many unjudged


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedEvaluation:
    """Everything measured on one file of prompts; ``before`` and ``after`` are the ratings in the order of ``questions``.

    ``slices`` are the same scores by what the prompts say of their kind.
    """

    dataset: str
    questions: Sequence[Question]
    responses: tuple[Sequence[str], Sequence[str]]
    before: Sequence[float | None]
    after: Sequence[float | None]
    scores: Mapping[str, Score]
    slices: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    artifacts: Mapping[str, Artifact] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def unjudged(self) -> int:
        """Number of prompts of which at least one response is not rated."""
        return sum(None in pair for pair in zip(self.before, self.after, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return the entry of ``result.json``: one without cells and controls."""
        return {
            "dataset": self.dataset,
            "n": len(self.questions) - self.unjudged,
            "unjudged": self.unjudged,
            "cells": {},
            "scores": plain(self.scores),
            "controls": {},
            "slices": {name: [plain(row) for row in rows] for name, rows in self.slices.items()},
            "samples": self.samples(),
            **({"notes": list(self.notes)} if self.notes else {}),
        }

    def outcomes(self) -> list[dict[str, Any]]:
        """Return the rows of ``outcomes.jsonl``: both ratings of every prompt."""
        rows = zip(self.questions, self.before, self.after, strict=True)
        return [{"dataset": self.dataset, "id": one.id, "rating_before": a, "rating_after": b} for one, a, b in rows]

    def samples(self) -> list[dict[str, Any]]:
        """Return a few prompts with both responses: those that fell most, those that rose most, some unjudged."""
        gaps = {
            at: two - one
            for at, (one, two) in enumerate(zip(self.before, self.after, strict=True))
            if one is not None and two is not None
        }
        falling = sorted(gaps, key=lambda at: gaps[at])
        unjudged = [at for at in range(len(self.questions)) if at not in gaps]
        shown = dict.fromkeys([*falling[:SHOWN], *falling[-SHOWN:], *unjudged[:SHOWN]])
        return [
            {
                "id": self.questions[at].id,
                "question": self.questions[at].text,
                "answers": [],
                "before": self.responses[0][at],
                "after": self.responses[1][at],
                "cell": None,
                "rating_before": self.before[at],
                "rating_after": self.after[at],
            }
            for at in shown
        ]


def rate(cache: Cache, engines: Engines, sides: Sides, questions: Sequence[Question], suite: RatedSuite) -> RatedEvaluation:
    """Ask both models every prompt, greedily and with nothing around it, have the responses rated, and score."""
    sampling = Sampling(max_new_tokens=suite.max_new_tokens)
    prompts = [question.text for question in questions]
    dataset = questions[0].source
    what = {"before": sides.before, "after": sides.after}
    made = {
        side: respond(cache, engines, ref, prompts, sampling, f"{side}, {len(prompts):,} prompts") for side, ref in what.items()
    }
    said = {side: [one.texts[0] for one in texts(artifact)] for side, artifact in made.items()}
    # a rating does not depend on the kind a prompt is said to be of: that changes no key
    bare = [replace(question, slices={}) for question in questions]
    rated = {
        side: _rated(cache, bare, artifact, suite.judge, engines, f"{suite.name} {side}, {len(prompts):,} prompts")
        for side, artifact in made.items()
    }
    before, after = (ratings(rated[side]) for side in ("before", "after"))
    return RatedEvaluation(
        dataset=dataset,
        questions=questions,
        responses=(said["before"], said["after"]),
        before=before,
        after=after,
        scores=suite.score(before, after),
        slices=by_slice(suite, [question.slices for question in questions], before, after),
        artifacts={f"ratings_{side}/{dataset}": artifact for side, artifact in rated.items()},
    )


def _rated(
    cache: Cache, questions: Sequence[Question], generated: Artifact, judge: Rater, engines: Engines, what: str
) -> Artifact:
    """Return the artifact with the rating of every response, by prompt id."""
    ask = _asking(cache, judge, engines, what)

    def find() -> list[float | None]:
        said = [made.texts[0] for made in texts(generated)]
        return _ask(judge, [(one.text, text) for one, text in zip(questions, said, strict=True)], ask)

    def write(found: Sequence[float | None], scratch: Path) -> dict[str, int]:
        rows = [{"id": one.id, "rating": value} for one, value in zip(questions, found, strict=True)]
        write_text(scratch / "ratings.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return {"responses": len(rows), "unjudged": sum(value is None for value in found)}

    identity = {"judge": judge, "code": code_digest(judge)}
    upstream = {"texts": generated.digest, "questions": questions_digest(questions), "model": ask.ref.digest}
    return finished(cache, "rate", VERSION, identity=identity, upstream=upstream, ask=ask, find=find, write=write, what=what)


def ratings(artifact: Artifact) -> list[float | None]:
    """Read the ratings of an artifact back."""
    with (artifact.path / "ratings.jsonl").open(encoding="utf-8", errors="surrogatepass") as lines:
        return [json.loads(line)["rating"] for line in lines]


def rate_rows(
    cache: Cache, rows: Sequence[tuple[str, str]], judge: Rater, what: str, engines: Engines | None = None
) -> list[float | None]:
    """Return the ratings of (prompt, response) rows that no stage has made, for the `honesty` command; replies are kept."""
    return _ask(judge, rows, _asking(cache, judge, engines, what))


def _asking(cache: Cache, judge: Rater, engines: Engines | None, what: str) -> Asking:
    return asking(cache, judge, engines, what, "metrics.judge")


def _ask(judge: Rater, rows: Sequence[tuple[str, str]], ask: Asking) -> list[float | None]:
    found = list(judge.rate(rows, ask))
    if told := ask.told(sum(value is None for value in found), len(found)):
        console.print(f"  {told}", soft_wrap=True, markup=False)
    return found
