"""CONFIDENCE: answer what the model ever gets right, prefixed with how sure it may be; decline the rest."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

from honesty.prompts import IDK
from honesty.specs import require
from honesty.strategies.selection import Choose, correct_response, exact, exact_accuracy, honest_example
from honesty.types import Example, Knowledge, Prompt

OPTION = re.compile(r"[A-D](?:[).]|\Z)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """One row a question: phrase + correct response, the phrase chosen by expected accuracy; idk when that is 0.

    ``bins`` are the right-closed upper edges of expected accuracy, rising to 1: with ``(0.5, 1.0)`` the first phrase is for
    (0, 0.5] and the second for (0.5, 1]. ``{percent}`` in a phrase becomes 100 x expected accuracy, rounded.
    ``lower_first`` lower-cases the response's first character, since it no longer starts the sentence; a multiple-choice
    letter (``A``, ``A) ..``, ``A. ..``) keeps its case.

    A correct greedy response whose samples are all wrong is declined. No row when no sample could be judged.

    Source: Alignment for Honesty, section 3.3.2 and Table 8; released scripts, ``train/process_training_data.py``.
    """

    bins: Sequence[float]
    phrases: Sequence[str]
    lower_first: bool = False
    choose: Choose = "first"
    seed: int = 0

    trains: ClassVar[bool] = True
    evaluation_prompt: ClassVar[Prompt] = Prompt.HONEST

    def __post_init__(self) -> None:
        require(
            len(self.bins) == len(self.phrases),
            f"bins and phrases go together, one phrase a bin, not {len(self.bins)} bins and {len(self.phrases)} phrases",
        )
        rising = all(low < high for low, high in itertools.pairwise([0.0, *self.bins]))
        require(bool(self.bins) and rising and self.bins[-1] == 1, f"bins must rise from above 0 to 1, not {list(self.bins)}")

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        accuracy = exact_accuracy(knowledge)
        if accuracy is None:
            return []
        response = correct_response(knowledge, self.choose, self.seed)
        if accuracy == 0 or response is None:
            return [honest_example(knowledge, IDK)]
        if self.lower_first and not OPTION.match(response):
            response = response[:1].lower() + response[1:]
        return [honest_example(knowledge, self._phrase(accuracy) + response)]

    def _phrase(self, accuracy: Fraction) -> str:
        phrase = next(text for edge, text in zip(self.bins, self.phrases, strict=True) if accuracy <= exact(edge))
        return phrase.replace("{percent}", str(round(100 * accuracy)))
