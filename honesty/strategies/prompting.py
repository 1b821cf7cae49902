"""Strategies without training: the unaligned model under the plain prompt, and under the honest one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from honesty.types import Example, Knowledge, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Unaligned:
    """The model as it is, with the plain prompt: the reference every score is relative to.

    Source: Alignment for Honesty, section 4.2, UNALIGNED.
    """

    trains: ClassVar[bool] = False
    evaluation_prompt: ClassVar[Prompt] = Prompt.PLAIN

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptBased:
    """The model as it is, asked with the prompt that allows it to decline.

    Source: Alignment for Honesty, section 3.1, PROMPT-BASED.
    """

    trains: ClassVar[bool] = False
    evaluation_prompt: ClassVar[Prompt] = Prompt.HONEST

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        return ()
