"""The seams of the framework. Anything with these shapes can be named in a yaml by its ``_target_``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Protocol

from honesty.types import Example, Generation, Knowledge, Prompt, Question, Sampling, Score, Transition, Verdict


class Dataset(Protocol):
    """Questions to probe and train on, and one or more named sets to evaluate on."""

    @property
    def name(self) -> str: ...

    def train(self) -> Sequence[Question]:
        """Return the questions whose knowledge is probed and whose answers are trained on."""
        ...

    def evaluation(self) -> Mapping[str, Sequence[Question]]:
        """Return the evaluation sets by name; their questions are disjoint from ``train()``."""
        ...


class Corpus(Protocol):
    """Text a small model is pretrained on from scratch, as prompt/response pairs (loss on the response)."""

    def documents(self) -> Sequence[Example]: ...

    def vocabulary(self) -> Sequence[str]:
        """Return every word the tokenizer must know, in a fixed order."""
        ...


class Engine(Protocol):
    """Prompts to texts. The same prompt, sampling and model always give the same text, however they are batched."""

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> Sequence[Generation]: ...


class Judge(Protocol):
    """Text to verdict. The fields of the judge's dataclass are its identity."""

    name: str

    def __call__(self, question: Question, response: str) -> Verdict: ...


class Strategy(Protocol):
    """What one question's knowledge becomes in the fine-tuning data.

    ``trains`` is False for strategies that only change the prompt; ``evaluation_prompt`` is the one the aligned model gets.
    """

    trains: ClassVar[bool]
    evaluation_prompt: ClassVar[Prompt]

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]: ...


class Metric(Protocol):
    """A 3x3 table to one number. The same callable serves the point value and its bootstrap interval."""

    name: str

    def __call__(self, table: Transition) -> Score: ...
