"""Prompts to texts: the one stage that runs a model, used by probe and evaluate alike."""

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from honesty.cache import Artifact, Cache, digest, sharded, write_text
from honesty.interfaces import Engine, EngineSettings
from honesty.progress import track
from honesty.prompts import render
from honesty.types import Generation, InputError, ModelRef, PartialError, Prompt, Question, Sampling

VERSION = 1

SHARD = 512  # prompts; a crash loses at most one shard


@dataclass
class Engines:
    """Engines opened so far this run, one per model, so that a model is loaded once.

    ``ahead`` is called with a model about to be opened: what would stop the run later can stop it before the work.
    """

    settings: EngineSettings
    ahead: Callable[[ModelRef], None] | None = None
    _open: dict[str, Engine] = field(default_factory=dict)
    _beside: dict[str, "Engines"] = field(default_factory=dict)

    def __call__(self, ref: ModelRef) -> Engine:
        """Return the engine of ``ref``, loading its model the first time. Only the newest two are kept in memory."""
        if ref.digest not in self._open:
            if self.ahead is not None:
                self.ahead(ref)
            while len(self._open) > 1:
                self._open.pop(next(iter(self._open)))
            self._open[ref.digest] = self.settings.open(ref, _load)
        return self._open[ref.digest]

    def release(self) -> None:
        """Let go of every model: training needs the accelerator's memory."""
        self._open.clear()

    def beside(self, settings: EngineSettings) -> "Engines":
        """Return the engines of other settings (a judge's), the same ones throughout the run."""
        return self._beside.setdefault(digest(settings), Engines(settings))


def _load(ref: ModelRef, device: str) -> Any:
    # imported here: a run whose stages are all cached must not pay for torch
    from honesty.training.models import load

    return load(ref, device)


def generate(
    cache: Cache,
    engines: Engines,
    ref: ModelRef,
    questions: Sequence[Question],
    prompt: Prompt,
    sampling: Sampling,
    what: str,
) -> Artifact:
    """Return the artifact of the texts of ``ref`` for ``questions``, in their order."""
    return respond(cache, engines, ref, [render(prompt, question) for question in questions], sampling, what)


def respond(
    cache: Cache,
    engines: Engines,
    ref: ModelRef,
    prompts: Sequence[str],
    sampling: Sampling,
    what: str,
    *,
    bar: bool = True,
) -> Artifact:
    """Return the artifact of the texts of ``ref`` for ``prompts``, in their order: any request, not only a question.

    ``bar`` is off where the caller shows the progress of several calls in one.
    """
    return cache.stage(
        "generate",
        VERSION,
        identity={"sampling": sampling, "engine": engines.settings},
        upstream={"model": ref.digest, "prompts": digest(prompts)},
        work=lambda scratch: _generate(engines(ref), prompts, sampling, what if bar else None, scratch),
        what=what,
    )


def _generate(engine: Engine, prompts: Sequence[str], sampling: Sampling, label: str | None, scratch: Path) -> dict[str, int]:
    def work(part: Sequence[str]) -> list[dict[str, Any]]:
        return _shard(engine, part, sampling, scratch / "unfinished.json")

    rows: list[dict[str, Any]] = []
    shown = track(f"  {label}", len(prompts), unit="prompts") if label is not None else nullcontext(_silent)
    with shown as advance:
        for shard in sharded(scratch, prompts, SHARD, work):
            rows += shard
            advance(len(shard))
    write_text(scratch / "texts.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    for path in scratch.glob("shard-*.json"):
        path.unlink()
    return {"prompts": len(prompts), "tokens": sum(row["tokens"] for row in rows)}


def _shard(engine: Engine, prompts: Sequence[str], sampling: Sampling, unfinished: Path) -> list[dict[str, Any]]:
    """Return the rows of one shard. What an engine that had to give up has finished is kept, and not asked for again."""
    kept = json.loads(unfinished.read_text(encoding="utf-8")) if unfinished.is_file() else {}
    rest = [prompt for prompt in prompts if prompt not in kept]
    try:
        made = dict(zip(rest, map(_row, engine.generate(rest, sampling)), strict=True)) if rest else {}
    except PartialError as error:
        write_text(unfinished, json.dumps(kept | {prompt: _row(one) for prompt, one in error.made.items()}))
        if isinstance(error, InputError):  # says itself what to do
            raise
        raise PartialError(f"{error}; texts made so far are kept: the same command asks for the rest", error.made) from error
    unfinished.unlink(missing_ok=True)
    found = kept | made
    return [found[prompt] for prompt in prompts]


def _row(made: Generation) -> dict[str, Any]:
    return {"texts": list(made.texts), "tokens": made.tokens}


def _silent(count: int) -> None:
    """Show nothing."""


_digests: dict[int, tuple[Sequence[Question], str]] = {}


def questions_digest(questions: Sequence[Question]) -> str:
    """Return the digest of a list of questions; a list is read once, however many stages ask (it must not be changed)."""
    known = _digests.get(id(questions))
    if known is None or known[0] is not questions:
        if len(_digests) > 16:
            _digests.clear()
        known = _digests[id(questions)] = (questions, digest(list(questions)))
    return known[1]


def texts(artifact: Artifact) -> list[Generation]:
    """Read the generations of an artifact back."""
    with (artifact.path / "texts.jsonl").open(encoding="utf-8", errors="surrogatepass") as lines:
        rows = [json.loads(line) for line in lines]
    return [Generation(texts=tuple(row["texts"]), tokens=row["tokens"]) for row in rows]
