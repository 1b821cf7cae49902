"""ABSOLUTE: answer what the model gets right often enough, decline the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from honesty.prompts import IDK
from honesty.specs import require
from honesty.strategies.selection import Choose, correct_response, exact, exact_accuracy, honest_example
from honesty.types import Example, Knowledge, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Absolute:
    """One row a question: a correct response of the model where the question counts as known, else the idk sentence.

    ``rule``: under ``paper`` a question is known when expected accuracy >= ``threshold``; under ``scripts`` (which may also
    be written ``any_correct``) when the greedy response or any sample is correct, and ``threshold`` is not read. They differ
    where only the greedy response is correct, and at thresholds above 1/m.

    A question without a single correct response is declined even at threshold 0: there is nothing else to teach. No row when
    the judge could tell nothing that the rule needs.

    Source: Alignment for Honesty, section 3.3.1; released scripts, ``train/process_training_data.py``.
    """

    rule: Literal["paper", "scripts", "any_correct"] = "paper"
    threshold: float = 0.1
    choose: Choose = "first"
    seed: int = 0

    trains: ClassVar[bool] = True
    evaluation_prompt: ClassVar[Prompt] = Prompt.HONEST

    def __post_init__(self) -> None:
        require(0 <= self.threshold <= 1, f"threshold must lie in 0..1, not {self.threshold}")

    def __call__(self, knowledge: Knowledge) -> Iterable[Example]:
        known = self._known(knowledge)
        if known is None:
            return []
        response = correct_response(knowledge, self.choose, self.seed) if known else None
        return [honest_example(knowledge, response if response is not None else IDK)]

    def _known(self, knowledge: Knowledge) -> bool | None:
        accuracy = exact_accuracy(knowledge)
        if self.rule == "paper":
            return None if accuracy is None else accuracy >= exact(self.threshold)
        if accuracy is None and knowledge.greedy.verdict.label is None:
            return None
        return correct_response(knowledge) is not None
