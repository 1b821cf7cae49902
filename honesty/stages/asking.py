"""What a judge's model replied, kept by content: the same request is sent once, and one that had no reply is sent again.

Replies lie under ``<cache>/replies/<digest of model, engine and sampling>/``, one file a shard, written when it is finished:
an interrupted run loses at most one. A request that fails is not kept, so the same command later sends only what is missing.

How much is tried: a server that went down is tried a few times more and then left for another run, one that nothing was ever
heard of is left at once. A request that is refused costs itself; where all are refused from the first on, the shortest too (so
it is not their length), the rest is not sent.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from honesty.cache import Artifact, Cache, digest, write_text
from honesty.interfaces import Asks, RefusedError, UnavailableError
from honesty.progress import track
from honesty.stages.generate import Engines
from honesty.stages.pretrain import reference
from honesty.types import Generation, HonestyError, InputError, ModelRef, PartialError, Sampling

SHARD = 64  # requests sent together and kept together
PATIENCE = 3  # requests in a row that must fail alone, or be refused from the first on, before the rest is left unsent
FAILURES = (HonestyError, ConnectionError, TimeoutError)

_MODEL_KEY = re.compile(r"(?<![\w./=-])model\.(?=(?:path|revision|dtype|attention|prompt|pad|trust_remote_code|name)\b)")

T = TypeVar("T")


@dataclass
class Asking:
    """Asks a judge's model for one set of responses (it is the judge's ``ask``), and remembers what could not be had.

    ``missing`` are the requests without a reply and ``failure`` says why (the last one); of these ``refused`` are not for the
    model as they are, and ``refusal`` says why (the first one). ``unread`` are the requests whose reply cannot be read, with
    that reply. All are digests of requests. ``place`` is where the judge stands in the configuration.
    """

    cache: Cache
    judge: Asks
    ref: ModelRef
    engines: Engines
    what: str
    place: str = "judge"
    sent: int = 0
    missing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    unread: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    refusal: str = ""
    _failed: int = 0  # requests in a row that failed alone
    _over: bool = False  # nothing more is sent

    def __call__(self, prompts: Sequence[str], sampling: Sampling, readable: Callable[[str, str], bool]) -> list[str | None]:
        """Return the reply to each prompt, from the store or by asking; ``None`` where none could be had."""
        requests = {digest(prompt): prompt for prompt in prompts}
        store = self.cache.root / "replies" / self._key(sampling)
        known = {key: text for key, text in _stored(store) if key in requests}
        if self.judge.again:
            known = {key: text for key, text in known.items() if readable(requests[key], text)}
        rest = [key for key in requests if key not in known]
        if rest:
            known |= self._ask(rest, requests, sampling, store)
        self.missing |= requests.keys() - known.keys()
        self.unread |= {key: text for key, text in known.items() if not readable(requests[key], text)}
        return [known.get(digest(prompt)) for prompt in prompts]

    def _key(self, sampling: Sampling) -> str:
        return digest({"model": self.ref.digest, "engine": self.judge.engine, "sampling": sampling})

    def _ask(self, keys: Sequence[str], requests: dict[str, str], sampling: Sampling, store: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        self._open()
        if self._over:
            return found
        with track(f"  judge {self.judge.name}, {self.what}", len(keys), unit="requests") as advance:
            for start in range(0, len(keys), SHARD):
                shard = keys[start : start + SHARD]
                replies = dict(self._shard({key: requests[key] for key in shard}, sampling))
                found |= replies
                if replies:
                    with self.cache.writing():
                        _keep(store, replies)
                advance(len(shard))
                if self._over:
                    break
        return found

    def _open(self) -> None:
        """Load the model, or find out that it cannot be.

        Raises:
            InputError: by the user's fault, to be put right now; the message names its keys as they are under the judge.
        """
        try:
            self.engines(self.ref)
        except InputError as error:
            raise _placed(error, self.place) from error
        except FAILURES as error:
            self.failure, self._over = _line(error), True

    def _shard(self, left: dict[str, str], sampling: Sampling) -> Iterator[tuple[str, str]]:
        """Yield (key, reply) of a shard: asked at once, again without what is refused, and after a failure one by one."""
        alone = False
        while left and not self._over:
            probing = bool(self.refused) and not self.sent  # is it the length? then the shortest goes through
            part = left
            if alone or probing:
                key = min(left, key=lambda each: len(left[each])) if probing else next(iter(left))
                part = {key: left[key]}
            replies, refused = self._send([*part.values()], sampling)
            keys = {prompt: key for key, prompt in part.items()}
            yield from ((keys[prompt], reply) for prompt, reply in replies.items())
            self.refused |= {keys[prompt] for prompt in refused}
            out = {*replies, *refused} if len(part) > 1 else {*keys}
            left = {key: prompt for key, prompt in left.items() if prompt not in out}
            alone |= bool(left) and len(part) > 1 and not refused
            if len(part) > 1:
                self._failed = 0
            elif not replies and (probing or not refused):
                self._failed += 1
            self._over |= self._failed >= PATIENCE

    def _send(self, prompts: Sequence[str], sampling: Sampling) -> tuple[dict[str, str], Sequence[str]]:
        """Return the replies by prompt, those that an engine which gave up had finished included, and the refused prompts."""
        made: Mapping[str, Generation] = {}
        refused: Sequence[str] = ()
        try:
            made = dict(zip(prompts, self.engines(self.ref).generate(prompts, sampling), strict=True))
            self._failed = 0
        except FAILURES as error:
            made = error.made if isinstance(error, PartialError) else {}
            if isinstance(error, InputError):
                # an engine that does not say which ones: it is known of one that was asked alone
                refused = error.refused if isinstance(error, RefusedError) else prompts if len(prompts) == 1 else ()
                if not self.refusal:
                    self.refusal = _line(error) if not isinstance(error, RefusedError) else error.reason
            else:
                self.failure = _line(error)
            self._over |= isinstance(error, UnavailableError)
        self.sent += len(made)
        return {prompt: _reply(one, sampling) for prompt, one in made.items()}, refused

    def told(self, unjudged: int, total: int) -> str:
        """Return the line that says how many responses are unjudged, why, and what to do; "" when all replies could be read."""
        parts = []
        if self.missing - self.refused and self.failure:
            parts.append(f"{self.failure}; run the same command again to send only these")
        if self.refused and self._over and not self.sent and not self.failure:
            parts.append(
                f"every request is refused, the shortest too: {self.refusal}; put that right and run the same command again"
            )
        elif self.refused:
            one, it = _few(self.refused, "request is refused", "requests are refused")
            parts.append(
                f"{len(self.refused):,} {one}{', the first' if it == 'these' else ''}: {self.refusal}. Give the judge a model "
                f"with a longer window, or lower {self.place}.max_new_tokens: only {it} will then be sent"
            )
        if self.unread:
            first = next(iter(self.unread.values()))
            shown = first if len(first) <= 60 else first[:57] + "..."
            replies, these = _few(self.unread, "reply", "replies")
            parts.append(
                f"{len(self.unread):,} {replies} cannot be read (the first: {shown!r}); "
                f"{self.place}.again=true sends only {these} once more"
            )
        if not parts:
            return ""
        return f"judge {self.judge.name}, {self.what}: {unjudged:,} of {total:,} could not be judged: {'. '.join(parts)}"


def _reply(made: Generation, sampling: Sampling) -> str:
    """Return the text; of one that ended at the limit all but the word it broke off in: "0" may be the half of "0.85"."""
    text = made.texts[0]
    return re.sub(r"\S+\Z", "", text) if made.tokens >= sampling.max_new_tokens else text


def _few(things: Collection[str], one: str, several: str) -> tuple[str, str]:
    return (one, "it") if len(things) == 1 else (several, "these")


def _line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def asking(cache: Cache, judge: Asks, engines: Engines | None, what: str, place: str = "judge") -> Asking:
    """Return what a judge asks with; its model is loaded when the first request is sent. ``place`` is the judge's key.

    Raises:
        InputError: the judge's model cannot be found.
    """
    of = engines.beside(judge.engine) if engines is not None else Engines(judge.engine)
    return Asking(cache=cache, judge=judge, ref=model_of(cache, judge, place), engines=of, what=what, place=place)


def model_of(cache: Cache, judge: Asks, place: str = "judge") -> ModelRef:
    """Return the judge's model; a server's is known by its engine's settings.

    Raises:
        InputError: it cannot be found.
    """
    if judge.model is None:
        return ModelRef(name=judge.name, path="", digest=digest(judge.engine))
    try:
        return reference(cache, judge.model)
    except InputError as error:
        raise _placed(error, place) from error


def _placed(error: InputError, place: str) -> InputError:
    """Return an error about a model with its keys as they are under the judge: what reads models knows of one model only."""
    return InputError(_MODEL_KEY.sub(rf"{place}.\g<0>", str(error)))


class _UnfinishedError(Exception):
    """Some replies are missing or unreadable: what was found is a result of its own, not that of the key."""

    def __init__(self, found: Any, gaps: Mapping[str, Any]) -> None:
        self.found, self.gaps = found, gaps


def finished(
    cache: Cache,
    name: str,
    version: int,
    *,
    identity: Mapping[str, Any],
    upstream: Mapping[str, str],
    ask: Asking | None,
    find: Callable[[], T],
    write: Callable[[T, Path], Mapping[str, Any]],
    what: str,
) -> Artifact:
    """Return the artifact of what ``find`` finds by asking, as ``write`` writes it down.

    Where the model did not reply to everything, or not readably, the artifact's key also names what is lacking. So it never
    stands for the finished one: the same call asks again for what is missing, and once all is there it has the key it would
    have had without a gap.
    """

    def stage(gaps: Mapping[str, Any], *, found: T | None = None) -> Artifact:
        def work(scratch: Path) -> Mapping[str, Any]:
            made = found if found is not None else find()
            if found is None and ask is not None and (ask.missing or ask.unread):
                scratch.rmdir()  # nothing is written before all are judged
                raise _UnfinishedError(made, {"missing": sorted(ask.missing), "unread": dict(sorted(ask.unread.items()))})
            return write(made, scratch)

        key = {**identity, **gaps}
        return cache.stage(name, version, identity=key, upstream=upstream, work=work, what=what, shown=False)

    try:
        return stage({})
    except _UnfinishedError as unfinished:
        return stage({"gaps": digest(unfinished.gaps)}, found=unfinished.found)


def _stored(store: Path) -> Iterator[tuple[str, str]]:
    """Yield every (request, reply) kept, oldest first: of two replies to one request the newer one counts."""
    for path in sorted(store.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        yield from json.loads(path.read_text(encoding="utf-8", errors="surrogatepass")).items()


def _keep(store: Path, replies: dict[str, str]) -> None:
    store.mkdir(parents=True, exist_ok=True)
    write_text(store / f"{digest(replies)}.json", json.dumps(replies, ensure_ascii=False))
