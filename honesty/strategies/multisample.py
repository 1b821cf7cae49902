"""MULTISAMPLE: every sample becomes a row, so that the share of idk rows says how unsure the model is."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from honesty.prompts import IDK
from honesty.strategies.selection import honest_example
from honesty.types import Example, Knowledge, Label, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Multisample:
    """m rows a question, in sample order: the sample as it is where correct, else the idk sentence.

    Repeated samples stay repeated: how often a response comes is the signal. An unjudged sample gives no row.

    Source: Alignment for Honesty, section 3.3.3.
    """

    trains: ClassVar[bool] = True
    evaluation_prompt: ClassVar[Prompt] = Prompt.HONEST

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        return [
            honest_example(knowledge, sample.text if sample.verdict.label is Label.CORRECT else IDK)
            for sample in knowledge.samples
            if sample.verdict.label is not None
        ]
