"""The seams of the framework. Anything with these shapes can be named in a yaml by its ``_target_``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from honesty.types import (
    Example,
    Generation,
    InputError,
    Knowledge,
    ModelRef,
    PartialError,
    Prompt,
    Question,
    Sampling,
    Score,
    Transition,
    Verdict,
)


@runtime_checkable
class Dataset(Protocol):
    """Questions to probe and train on, and one or more named sets to evaluate on."""

    @property
    def name(self) -> str: ...

    @property
    def also(self) -> Sequence[str]:
        """Return the ``source`` of training questions that come on top of the set's own: a balanced draw keeps them all."""
        ...

    def train(self) -> Sequence[Question]:
        """Return the questions whose knowledge is probed and whose answers are trained on."""
        ...

    def evaluation(self) -> Mapping[str, Sequence[Question]]:
        """Return the evaluation sets by name; their questions are disjoint from ``train()``."""
        ...

    def notes(self) -> Sequence[str]:
        """Return what a user should know about the data (rows dropped, duplicates), one sentence each."""
        ...


@runtime_checkable
class Corpus(Protocol):
    """Text a small model is pretrained on from scratch, as prompt/response pairs (loss on the response)."""

    def documents(self) -> Sequence[Example]: ...

    def vocabulary(self) -> Sequence[str]:
        """Return every word the tokenizer must know, in a fixed order."""
        ...


class UnavailableError(PartialError):
    """An engine that could not go on, and for a reason that any other prompt would meet too: nobody answers, a wrong key."""


class RefusedError(InputError, PartialError):
    """Prompts that an engine cannot take (empty, longer than its window), ``refused``; others may well go through.

    ``reason`` says why, of the first of them; the message also gives the ``advice`` for a prompt that the user wrote.
    """

    def __init__(self, reason: str, advice: str, refused: Sequence[str]) -> None:
        super().__init__(f"{reason}; {advice}", {})
        self.reason = reason
        self.refused = refused


@runtime_checkable
class Engine(Protocol):
    """Prompts to texts. The same prompt, sampling and model always give the same text, however they are batched."""

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> Sequence[Generation]: ...


@runtime_checkable
class EngineSettings(Protocol):
    """The record a yaml of conf/engine builds: torch-free; opens the engine when there is work for it.

    ``load(ref, device)`` gives a model and its tokenizer, for engines that run one in this process.
    """

    def open(self, ref: ModelRef, load: Callable[[ModelRef, str], Any]) -> Engine: ...


@runtime_checkable
class ParticularEngine(Protocol):
    """Settings of an engine that cannot run every model that training makes."""

    def accept(self, adapter: Any) -> None:
        """Raise ``InputError`` where it cannot run a model trained with ``adapter`` (``honesty.specs.Lora`` or ``Full``)."""
        ...


@runtime_checkable
class Judge(Protocol):
    """One response to a verdict on it. A frozen dataclass: its fields are its identity in the cache.

    ``name`` stands beside every verdict. The same question and response always get the same verdict.
    """

    @property
    def name(self) -> str: ...

    def __call__(self, question: Question, response: str) -> Verdict:
        """Return correct, wrong or idk, or ``label`` None where this judge cannot tell."""
        ...

    def notes(self, questions: Iterable[Question]) -> Sequence[str]:
        """Return what a user should know about judging these questions (answers never found), one sentence each."""
        ...


Ask = Callable[[Sequence[str], Sampling, Callable[[str, str], bool]], Sequence[str | None]]
"""Prompts to the replies of a judge's model, ``None`` where none could be had. The last argument says of (prompt, reply)
whether it can be read: a reply that cannot is handed over like the others, and counted."""


@runtime_checkable
class Asks(Protocol):
    """What asks a model, and never opens an engine itself: the stage does, and hands it ``ask``.

    ``model`` is the ``honesty.specs.Model`` that ``engine`` loads, or ``None`` where the engine's own settings name it (a
    server). With ``again`` the replies that could not be read are asked for once more.
    """

    @property
    def name(self) -> str: ...

    @property
    def engine(self) -> EngineSettings: ...

    @property
    def model(self) -> Any: ...

    @property
    def again(self) -> bool: ...


@runtime_checkable
class AskingJudge(Asks, Protocol):
    """A judge that asks a model. A frozen dataclass: its fields are its identity in the cache."""

    def batch(self, rows: Sequence[tuple[Question, str]], ask: Ask) -> Sequence[Verdict]:
        """Return one verdict a row; ``label`` None where there was no reply, or none that can be read without guessing."""
        ...

    def notes(self, questions: Iterable[Question]) -> Sequence[str]:
        """Return what a user should know about judging these questions, one sentence each."""
        ...


AnyJudge = Judge | AskingJudge


@runtime_checkable
class Rater(Asks, Protocol):
    """A judge that rates responses to prompts without a right answer. A frozen dataclass, as `AskingJudge` is."""

    def rate(self, rows: Sequence[tuple[str, str]], ask: Ask) -> Sequence[float | None]:
        """Return one rating for each (prompt, response); None where there was no reply, or none that can be read."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """What one question's knowledge becomes in the fine-tuning data.

    ``trains`` is False for strategies that only change the prompt; ``evaluation_prompt`` is the one the aligned model gets.
    """

    trains: ClassVar[bool]
    evaluation_prompt: ClassVar[Prompt]

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]: ...


@runtime_checkable
class Suite(Protocol):
    """The metrics of one run: of the transition table (``honesty.metrics.statistic.Statistic``), and of the confidence that
    the aligned responses state (``honesty.metrics.stated.Stated``).
    """

    def confidences(self, responses: Iterable[tuple[str, str]]) -> Mapping[str, float]:
        """Return how sure the aligned model's responses, (question id, text) pairs, say they are; by id, where they do."""
        ...

    def score(
        self, table: Transition, control: Callable[[Any], Any] | None = None, confidences: Mapping[str, float] | None = None
    ) -> Mapping[str, Score]:
        """Return every score of the suite by name, each with its interval; with a control, what is expected under it."""
        ...

    def curves(self, table: Transition, confidences: Mapping[str, float]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return what is drawn beside the scores, as rows of JSON values by name; ``{}`` where there is nothing."""
        ...


@runtime_checkable
class RatedSuite(Protocol):
    """Scores of both models' responses to a file of prompts, each response rated by a judge model: there is no 3x3 table.

    ``max_new_tokens`` bounds a response.
    """

    @property
    def name(self) -> str: ...

    @property
    def prompts(self) -> str | None: ...

    @property
    def max_new_tokens(self) -> int: ...

    @property
    def judge(self) -> Rater: ...

    def score(self, before: Sequence[float | None], after: Sequence[float | None]) -> Mapping[str, Score]:
        """Return every score by name; ``before[i]`` and ``after[i]`` are the ratings of prompt i, None where unjudged."""
        ...


AnySuite = Suite | RatedSuite
