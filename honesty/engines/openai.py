"""Texts from any server that speaks OpenAI's protocol, with the openai SDK: many requests at a time, each tried again.

What is known of a server is what it says. So every reply is checked (as many texts as asked for, each with the reason it
ended), and a server that gives one text where n were asked for is asked n times, each with a seed of its own.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from openai import APIConnectionError, APIStatusError, AsyncOpenAI, Timeout

from honesty.engines import faults
from honesty.engines.faults import FaultyError
from honesty.engines.reading import Reading, cut, empty, request_seed
from honesty.interfaces import RefusedError, UnavailableError
from honesty.progress import console
from honesty.types import Generation, PartialError, Sampling

_CONNECT = 5.0  # seconds until a connection is given up
_SLOW = 3  # tries of a server that takes requests and has not replied to one in time
_BROKEN = {None, "", "abort", "error", "cancelled"}  # what stands for "why it ended" in a reply that is not whole


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """One text, why it ended (``stop``, ``length``, ``content_filter``...), and its tokens where they are its own."""

    text: str
    end: str
    tokens: int


@dataclass(kw_only=True)
class OpenAIEngine:
    """Generates by asking a server. Greedy texts are the model's; sampled ones are as reproducible as the server's seeds.

    Args:
        base_url: where the server is, with its ``/v1``.
        model: the name it serves the model under.
        chat: ask ``/chat/completions`` (the server applies its template), else ``/completions``.
        options: values for the chat template, sent as ``chat_template_kwargs``.
        body: more fields of every request.
        omit: fields that are not sent.
        limit: the field that says how many tokens a reply may have.
        key: the environment variable that holds the key.
        concurrency: requests under way at a time.
        timeout: seconds until a request is given up.
        retries: how often it is then tried again.
        backoff: seconds before the first of these; they double.
        startup: seconds that a server which has not answered at all is tried for, however many ``retries``.
        node: where the settings stand in the configuration, for messages.
        reading: how the model reads prompts, where its tokenizer is here.
    """

    base_url: str
    model: str
    chat: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    omit: Sequence[str] = ()
    limit: str = "max_tokens"
    key: str = "OPENAI_API_KEY"
    concurrency: int = 16
    timeout: float = 120.0
    retries: int = 6
    backoff: float = 0.5
    startup: float = 8.0
    node: str = "engine"
    reading: Reading | None = None
    _several: bool = field(default=True, init=False)
    _since: float | None = field(default=None, init=False)  # when the first request was sent
    _heard: bool = field(default=False, init=False)  # the server has answered, were it with an error
    _made: bool = field(default=False, init=False)  # it has given a text
    _failed: bool = field(default=False, init=False)  # a request had all its tries
    _told: set[str] = field(default_factory=set, init=False)

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
        """Return the texts of each prompt, in the prompts' order.

        Raises:
            RefusedError: prompts that are empty, or that the server refuses (too long for its model).
            UnavailableError: nobody answers, or the server refuses the key.
            PartialError: the server went down, or its replies stay unusable. All three with what was finished before.
        """
        unique = list(dict.fromkeys(prompts))
        if self.reading is not None:
            self.reading.ids(unique, sampling.max_new_tokens)
        for prompt in unique:
            if not prompt.strip():
                raise empty(prompt)
        made = _run(self._all(unique, sampling)) if unique else {}
        self._note(made, sampling)
        return [self._generation(prompt, made[prompt], sampling) for prompt in prompts]

    async def _all(self, prompts: Sequence[str], sampling: Sampling) -> dict[str, list[_Reply]]:
        key = os.environ.get(self.key) or "none"  # the SDK wants one; local servers do not look at it
        made: dict[str, list[_Reply]] = {}
        limits = Timeout(self.timeout, connect=min(self.timeout, _CONNECT))
        async with AsyncOpenAI(base_url=self.base_url, api_key=key, timeout=limits, max_retries=0) as client:
            asking = _Asking(engine=self, client=client, sampling=sampling)
            tasks = {asyncio.create_task(asking.samples(prompt)): prompt for prompt in prompts}
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            failures = {tasks[task]: error for task in done if (error := task.exception()) is not None}
            made = {tasks[task]: task.result() for task in done if task.exception() is None}
        if failures:
            finished = {prompt: self._generation(prompt, replies, sampling) for prompt, replies in made.items()}
            raise _worst(failures, finished)
        return made

    def _generation(self, prompt: str, replies: Sequence[_Reply], sampling: Sampling) -> Generation:
        texts = tuple(self._text(prompt, reply.text, sampling) for reply in replies)
        return Generation(texts=texts, tokens=sum(reply.tokens for reply in replies))

    def _text(self, prompt: str, text: str, sampling: Sampling) -> str:
        if self.reading is not None:
            return self.reading.text(prompt, text, sampling.stop)
        # some servers leave the stop string in, and the spaces behind a raw prompt are written by the model
        return cut(text if self.chat else text.removeprefix(prompt[len(prompt.rstrip(" ")) :]), sampling.stop)

    def request(self, prompt: str, sampling: Sampling, sample: int, n: int) -> dict[str, Any]:
        """Return the fields of the request for ``n`` texts from ``sample`` on."""
        asked: dict[str, Any] = {"model": self.model, "temperature": sampling.temperature, self.limit: sampling.max_new_tokens}
        if self.chat:
            asked["messages"] = [{"role": "user", "content": prompt}]
        else:
            asked["prompt"] = prompt.rstrip(" ")  # they belong to the response: see honesty.wrapping
        if sampling.temperature > 0:
            # the whole distribution: a server's own default may be a part of it
            asked |= {"top_p": 1.0, "seed": request_seed(sampling.seed, prompt, sample)}
        if n > 1:
            asked["n"] = n
        if sampling.stop:
            asked["stop"] = list(sampling.stop)
        extra = dict(self.body)
        if self.chat and self.options:
            extra = {"chat_template_kwargs": dict(self.options)} | extra
        asked = {name: value for name, value in asked.items() if name not in self.omit and name not in extra}
        return asked | ({"extra_body": extra} if extra else {})

    def read(self, reply: Any, n: int) -> list[_Reply]:
        """Return the texts of a reply, in order.

        Raises:
            FaultyError: it has none, more than ``n``, or one that is not whole.
        """
        choices = getattr(reply, "choices", None)
        if not isinstance(choices, list) or not choices:
            raise FaultyError(f"a reply without texts: {str(reply)[:80]!r}")
        if len(choices) > n:
            raise FaultyError(f"{len(choices)} texts where {n} were asked for")
        found = []
        used = getattr(getattr(reply, "usage", None), "completion_tokens", None)
        for choice in sorted(choices, key=lambda each: getattr(each, "index", None) or 0):
            end, part = getattr(choice, "finish_reason", None), getattr(choice, "message", None) if self.chat else choice
            if end in _BROKEN or part is None:
                raise FaultyError(f"a text that was cut off (finish_reason {end!r})")
            text = getattr(part, "content" if self.chat else "text", None)
            if text is None and self.chat:
                text = getattr(part, "refusal", None)
            text = text if isinstance(text, str) else ""
            whole = used if isinstance(used, int) and len(choices) == 1 else None
            found.append(_Reply(text=text, end=str(end), tokens=whole if whole is not None else len(text.split())))
        return found

    def pause(self, problem: Exception, tries: int) -> float | None:
        """Return how long to wait before a request is tried again, ``None`` when it has been tried enough.

        One that has given texts may be restarting, or limit the rate: it gets all its tries. One that has not answered at all
        is waited for ``startup`` seconds in all; one that never gave a text gets all its tries once.
        """
        if isinstance(problem, APIStatusError) and not faults.passing(problem):
            return None
        seconds = faults.wait(problem, self.backoff * 2.0 ** min(tries - 1, 20))
        if not self._heard and faults.connecting(problem):
            left = (self._since if self._since is not None else 0.0) + self.startup - time.monotonic()
            return min(max(seconds, 0.05), left) if left > 0 else None
        again = self.retries if self._heard else min(self.retries, _SLOW - 1)
        if self._failed and not self._made:
            again = 0
        return None if tries > again or seconds > faults.LONGEST_ASKED else seconds

    def failure(self, error: Exception, prompt: str, tries: int) -> PartialError:
        """Return what a request that failed for good means, and what to do."""
        where, said = f"{self.node}.base_url={self.base_url}", faults.said(error, self.key)
        if isinstance(error, APIStatusError) and not faults.passing(error):
            return self._refusal(error, prompt, f"{where}: the server refuses", said)
        self._failed |= not (isinstance(error, APIStatusError) and error.status_code == 429)  # its server is well
        if isinstance(error, APIConnectionError):
            if faults.connecting(error):
                text = f"{where}: cannot be reached ({said}), {_tried(tries)}"
                if not self._heard:
                    text += f"; start the server, or correct the address ({self.node}.startup=SECONDS waits longer for it)"
            else:
                text = (
                    f"{where}: no reply within {self.node}.timeout={self.timeout:g} s, {_tried(tries)}; set a longer "
                    f"{self.node}.timeout or a lower {self.node}.concurrency"
                )
            return (PartialError if self._heard else UnavailableError)(text, {})
        # of a server that wants to be left alone for hours nothing more is to be had now
        later = faults.wait(error, 0.0) > faults.LONGEST_ASKED
        # transformers serve says no more than 500 of a model it cannot load
        unknown = isinstance(error, APIStatusError) and error.status_code >= 500 and not self._made
        hint = (
            f"; it has given no text yet: is {self.node}.model={self.model} a name it serves? Its own log says more"
            if unknown
            else ""
        )
        return (UnavailableError if later else PartialError)(f"{where}: {said}, {_tried(tries)}{hint}", {})

    def _refusal(self, error: APIStatusError, prompt: str, refuses: str, said: str) -> PartialError:
        status = error.status_code
        if status in (401, 402, 429) or (status == 403 and not self._made):
            unset = "" if os.environ.get(self.key) else f" (the environment variable {self.key} is not set)"
            return UnavailableError(f"{refuses} the key{unset}: {said}", {})
        if status in faults.NOWHERE and not self._made:
            served = f"{self.node}.model={self.model} must be a name it serves"
            return UnavailableError(f"{refuses} every request, no such model or address: {said}; {served}", {})
        advice = (
            f"shorten one that is too long or lower max_new_tokens; {self.node}.omit=[NAME] leaves out a field it does not know"
        )
        return RefusedError(f"{refuses} the request for {prompt[:80]!r}: {said}", advice, [prompt])

    def _note(self, made: Mapping[str, Sequence[_Reply]], sampling: Sampling) -> None:
        """Say once what a user would want to know about a server's replies."""
        replies = [reply for mine in made.values() for reply in mine]
        ends = Counter(reply.end for reply in replies if not reply.text.strip())
        if ends["length"]:
            self._say(
                f"{ends['length']} replies ended at max_new_tokens before any text: a model that thinks first needs more, or "
                f"{self.node}.body to turn thinking off"
            )
        if ends["content_filter"]:
            self._say(f"{ends['content_filter']} replies were withheld by the server's filter; they count as empty texts")
        alike = all(len({reply.text for reply in mine}) == 1 for mine in made.values())
        if sampling.n > 1 and len(made) >= 8 and alike:
            self._say(
                f"all {sampling.n} samples of each of {len(made)} prompts are alike: the server seems to ignore temperature "
                "(transformers serve does, unless the model's generation_config.json has do_sample)"
            )

    def _say(self, text: str) -> None:
        kind = text.lstrip("0123456789 ")[:24]
        if kind not in self._told:
            self._told.add(kind)
            console.print(f"  note: {self.model} at {self.base_url}: {text}", soft_wrap=True, markup=False)


@dataclass(kw_only=True)
class _Asking:
    """The requests of one call of ``generate``."""

    engine: OpenAIEngine
    client: AsyncOpenAI
    sampling: Sampling

    def __post_init__(self) -> None:
        # prompts take turns as well as requests: one is finished before the next begins, and what a failure loses is little
        self._turn, self._gate = (asyncio.Semaphore(self.engine.concurrency) for _ in range(2))

    async def samples(self, prompt: str) -> list[_Reply]:
        """Return the ``n`` texts of one prompt: at once where the server gives n, else one by one."""
        async with self._turn:
            return await self._samples(prompt)

    async def _samples(self, prompt: str) -> list[_Reply]:
        engine, n = self.engine, self.sampling.n
        several = engine._several and "n" not in engine.omit
        found = await self._ask(prompt, 0, n if several else 1)
        if len(found) < n:
            engine._several = False
            rest = await asyncio.gather(*(self._ask(prompt, sample, 1) for sample in range(len(found), n)))
            found = [*found, *(reply for replies in rest for reply in replies)]
        return found

    async def _ask(self, prompt: str, sample: int, n: int) -> list[_Reply]:
        """Return up to ``n`` texts, at least one, in as many tries as it takes or as are allowed."""
        engine = self.engine
        fields = engine.request(prompt, self.sampling, sample, n)
        create: Any = self.client.chat.completions.create if engine.chat else self.client.completions.create
        tries = 0
        while True:
            tries += 1
            try:
                async with self._gate:
                    if engine._since is None:
                        engine._since = time.monotonic()
                    found = engine.read(await create(**fields), n)
                engine._heard = engine._made = True
                return found
            except (APIStatusError, APIConnectionError, FaultyError) as error:
                problem: Exception = error
            except ValueError as error:  # what should have been JSON is not
                problem = FaultyError(f"a reply that is not JSON ({error})")
            engine._heard |= not isinstance(problem, APIConnectionError)
            seconds = engine.pause(problem, tries)
            if seconds is None:
                raise engine.failure(problem, prompt, tries) from problem
            await asyncio.sleep(seconds)


def _tried(tries: int) -> str:
    return "tried once" if tries == 1 else f"tried {tries} times"


def _worst(failures: Mapping[str, BaseException], made: Mapping[str, Generation]) -> BaseException:
    """Return what to raise for the failures of several prompts, with what was made of the others.

    A request that can never succeed is said first: trying the same command again would not help.
    """
    refused = {prompt: error for prompt, error in failures.items() if isinstance(error, RefusedError)}
    worst = next(iter((refused or failures).values()))
    if isinstance(worst, RefusedError):
        worst.refused = [*refused]
    if isinstance(worst, PartialError):
        worst.made = made
    return worst


def _run(work: Coroutine[Any, Any, dict[str, list[_Reply]]]) -> dict[str, list[_Reply]]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:  # in a notebook a loop is running, and a second one needs a thread of its own
        return pool.submit(asyncio.run, work).result()
