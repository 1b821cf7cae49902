"""What every strategy picks out of a question's knowledge: the response worth teaching, and how often the model is right.

Shared by the families of this folder; a strategy adds only its own rule.
"""

import hashlib
from fractions import Fraction
from typing import Literal

from honesty.prompts import render
from honesty.types import Example, Knowledge, Label, Prompt

Choose = Literal["first", "random"]


def correct_response(knowledge: Knowledge, choose: Choose = "first", seed: int = 0) -> str | None:
    """Return the greedy response where it is correct, else a correct sample, else ``None``.

    ``first`` takes the first correct sample, as the released scripts do. ``random`` draws one, as the paper describes; the
    draw depends on ``seed`` and the question's id only, so neither the order of the file nor other questions change it.

    Source: Alignment for Honesty, section 3.3; released scripts, ``train/process_training_data.py``.
    """
    if knowledge.greedy.verdict.label is Label.CORRECT:
        return knowledge.greedy.text
    correct = [sample.text for sample in knowledge.samples if sample.verdict.label is Label.CORRECT]
    if not correct:
        return None
    if choose == "first":
        return correct[0]
    key = hashlib.sha256(f"{seed}:{knowledge.question.id}".encode("utf-8", "surrogatepass")).digest()
    return correct[int.from_bytes(key[:8]) % len(correct)]


def exact_accuracy(knowledge: Knowledge) -> Fraction | None:
    """Return expected accuracy, knowns / judged samples, as an exact fraction; ``None`` when no sample was judged.

    Exact because it is compared with thresholds and bin edges it often equals (6 of 10 against 0.6).
    """
    judged = sum(sample.verdict.label is not None for sample in knowledge.samples)
    return Fraction(knowledge.knowns, judged) if judged else None


def exact(number: float) -> Fraction:
    """Return the fraction a person meant by writing ``number``: 0.1 is 1/10, not the nearest binary float."""
    return Fraction(repr(float(number)))


def honest_example(knowledge: Knowledge, response: str) -> Example:
    """Return the training row that answers the question with ``response`` under the honest prompt."""
    question = knowledge.question
    return Example(question_id=question.id, prompt=render(Prompt.HONEST, question), response=response)
