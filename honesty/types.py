"""The records that flow through the framework. Standard library only; nothing here computes a score.

Glossary, in the paper's words:

- **question**: text asked of a model, with the gold answers that make a response correct.
- **response**: what a model says to one prompt.
- **idk**: a response that declines to answer. It wins over correctness: "I'm not able to say, maybe Paris" is idk.
- **correct / wrong**: a response without an idk sign that does / does not contain a gold answer.
- **loosely correct**: a gold answer is present, whether or not the response also declines.
- **known / unknown**: whether the *unaligned* model answers the question; always relative to one model.
- **expected accuracy**: share of the sampled responses that are correct.
- **unaligned / aligned**: the model before / after one round of honesty alignment.
- **unjudged**: the judge could not tell. Counted, never taken for wrong.

Source: Alignment for Honesty (arXiv 2312.07000), section 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class HonestyError(Exception):
    """A failure that has been understood: what happened, where, and what to do. Shown without a traceback, exit code 1."""


class InputError(HonestyError):
    """Something the user gave (a file, a config value, a path) cannot be used. Exit code 2."""


class PartialError(HonestyError):
    """An engine that could not go on. ``made`` holds what was finished, by prompt: a later run asks for the rest only."""

    def __init__(self, message: str, made: "Mapping[str, Generation]") -> None:
        super().__init__(message)
        self.made = made


class Label(StrEnum):
    """The type of one response (paper, section 2.2)."""

    CORRECT = "correct"
    WRONG = "wrong"
    IDK = "idk"


class Prompt(StrEnum):
    """Which of the paper's two prompts wraps a question."""

    PLAIN = "plain"
    HONEST = "honest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. ``answers[0]`` is the canonical gold answer; the rest are its aliases.

    ``slices`` are named groups a score may be broken down by (``{"exposure": "8", "relation": "craft"}``).
    ``declared`` is the unaligned model's label where the set declares it instead of asking: WRONG for questions no model can
    know (PUQA), CORRECT for those it is known to answer (PKQA). Such a question may have no answers.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    source: str
    choices: tuple[str, ...] = ()
    slices: Mapping[str, str] = field(default_factory=dict)
    declared: Label | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a judge says of one response. ``label`` is ``None`` when it could not tell."""

    label: Label | None
    loosely_correct: bool
    judge: str
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response with its verdict."""

    text: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What one model knows of one question: its greedy answer and m sampled ones.

    ``model`` is the digest of the model it speaks of ("" when the file did not say).
    """

    question: Question
    greedy: Answer
    samples: Sequence[Answer]
    model: str = ""

    @property
    def knowns(self) -> int:
        """Number of correct samples."""
        return sum(sample.verdict.label is Label.CORRECT for sample in self.samples)

    @property
    def expected_accuracy(self) -> float | None:
        """Correct samples over judged samples; ``None`` when no sample could be judged."""
        judged = sum(sample.verdict.label is not None for sample in self.samples)
        return self.knowns / judged if judged else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One fine-tuning row. ``prompt`` is the final text before the response (before any chat template)."""

    question_id: str
    prompt: str
    response: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How texts are drawn: ``n`` per prompt at ``temperature`` (0 = greedy, then ``n`` is 1). Identity of every text.

    A text ends in front of the first of the ``stop`` strings in it. None set, it is no part of the identity: texts made before
    there were stop strings keep their keys.
    """

    n: int = 1
    temperature: float = 0.0
    max_new_tokens: int = 64
    seed: int = 0
    stop: tuple[str, ...] = field(default=(), metadata={"identity": "when set"})

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be at least 1, not {self.n}")
        if self.temperature < 0:
            raise ValueError(f"temperature must be 0 (greedy) or more, not {self.temperature}")
        if self.temperature == 0 and self.n != 1:
            raise ValueError("greedy decoding (temperature 0) gives one text: n must be 1")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}")
        if not all(self.stop):
            raise ValueError("a stop string must not be empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The ``n`` texts of one prompt, in sample order, and the tokens they took (response tokens, all samples)."""

    texts: tuple[str, ...]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model ready to load: a Hugging Face directory (or hub id), perhaps with an adapter of ours on top.

    ``digest`` identifies everything that can change its texts: weights, adapter, dtype, quantisation, prompt wrapping.
    ``quantisation`` is how the weights under the adapter are held: ``none`` or ``nf4`` (4 bits, through bitsandbytes).
    ``wrap``, ``template`` (a Jinja text instead of the tokenizer's own) and ``options`` (for the template) say how prompts are
    written down, ``pad`` which token fills short rows; ``parameters`` (billions) is what to expect before anything is loaded.
    """

    name: str
    path: str
    digest: str
    dtype: str = "float32"
    wrap: str = "raw"
    revision: str | None = None
    attention: str = "sdpa"
    adapter: Path | None = None
    quantisation: str = "none"
    template: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    pad: str | None = None
    trust_remote_code: bool = False
    parameters: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One question's verdicts before (unaligned) and after (aligned); ``gold``: whether it has a gold answer."""

    question_id: str
    before: Verdict
    after: Verdict
    gold: bool = True


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """What happened to one question: its cell (1..9, paper Table 1), and whether a gold answer was present each time.

    Cells, first letter before, second after (c correct, w wrong, i idk): 1 cc, 2 wc, 3 ic, 4 cw, 5 ww, 6 iw, 7 ci, 8 wi, 9 ii.
    Without a gold answer (``gold``) nothing can be present: such a question is in no accuracy.
    """

    cell: int
    loose_before: bool
    loose_after: bool
    gold: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The 3x3 table of one evaluation set (or a slice of it). Every cell keeps its question ids.

    A question is unjudged when either of its verdicts has no label; it is in no cell. ``unjudged`` maps what such questions
    could be, by the verdict there is, to their ids.
    """

    outcomes: Mapping[Outcome, tuple[str, ...]]
    unjudged: Mapping[tuple[Outcome, ...], tuple[str, ...]] = field(default_factory=dict)

    @property
    def cells(self) -> dict[int, int]:
        """Question counts of cells 1..9 (all nine keys, 0 where empty)."""
        counts = dict.fromkeys(range(1, 10), 0)
        for outcome, ids in self.outcomes.items():
            counts[outcome.cell] += len(ids)
        return counts

    @property
    def n(self) -> int:
        """Number of judged questions."""
        return sum(len(ids) for ids in self.outcomes.values())

    @property
    def lacking(self) -> int:
        """Number of unjudged questions."""
        return sum(len(ids) for ids in self.unjudged.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A number with what it takes to trust it.

    ``value``, ``low`` and ``high`` (95 % interval) are fractions, ``None`` when undefined; ``n`` is the denominator;
    ``unjudged`` counts the questions left out because a verdict was missing; ``source`` names the formula. A value whose
    ``unit`` is "count" is a number of things, "points" a judge's rating (or a difference of two), "p" a p value: none of them a
    fraction, never shown in per cent. ``least`` and ``most`` are the
    value when the unjudged questions are counted in the ways that make it smallest and greatest (``None`` where none is).
    """

    name: str
    value: float | None
    n: int
    low: float | None
    high: float | None
    unjudged: int = 0
    source: str = ""
    unit: str = "share"
    least: float | None = None
    most: float | None = None
