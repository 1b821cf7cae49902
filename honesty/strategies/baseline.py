"""The supervised baseline: every question answered, none declined."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from honesty.strategies.selection import Choose, correct_response, honest_example
from honesty.types import Example, Knowledge, Label, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuned:
    """One row a question: the model's own correct response where it has one, else the gold answer.

    ``rule``: ``scripts`` looks for a correct response among the samples too before it takes the gold answer; ``paper``
    takes the gold answer for every question whose greedy response is not correct.
    ``gold``: ``sentence`` writes it as the scripts do (``"New York"`` becomes ``"New york."``), ``unchanged`` leaves it;
    ``None`` follows the rule: ``sentence`` for ``scripts``, ``unchanged`` for ``paper``.

    An unjudged response is not used; the gold answer is right whatever the judge could not tell.

    Source: Alignment for Honesty, section 4.2, FINE-TUNED; released scripts, ``train/process_training_data.py``.
    """

    rule: Literal["paper", "scripts"] = "scripts"
    gold: Literal["sentence", "unchanged"] | None = None
    choose: Choose = "first"
    seed: int = 0

    trains: ClassVar[bool] = True
    evaluation_prompt: ClassVar[Prompt] = Prompt.HONEST

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        known = knowledge.greedy.verdict.label is Label.CORRECT
        own = correct_response(knowledge, self.choose, self.seed) if known or self.rule == "scripts" else None
        return [honest_example(knowledge, own if own is not None else self._gold(knowledge.question.answers[0]))]

    def _gold(self, answer: str) -> str:
        form = self.gold if self.gold is not None else "sentence" if self.rule == "scripts" else "unchanged"
        return answer.capitalize() + "." if form == "sentence" else answer
