"""What a model reads for one question."""

import pytest

from honesty.prompts import IDK, render
from honesty.types import Prompt, Question


def asked(*choices: str) -> Question:
    return Question(id="1", text="Where {question}?", answers=("Rome",), source="t", choices=choices)


def test_the_honest_prompt_says_what_to_say() -> None:
    assert render(Prompt.PLAIN, asked()) == "Q: Where {question}?\nA: "
    assert f'"{IDK}"\nQ: Where {{question}}?\nA: ' in render(Prompt.HONEST, asked())


def test_choices_follow_with_their_letters() -> None:
    assert render(Prompt.PLAIN, asked("Oslo", "Rome", "Bonn")) == "Q: Where {question}?\nA) Oslo\nB) Rome\nC) Bonn\nA: "


def test_a_choice_without_a_letter_is_never_dropped() -> None:
    with pytest.raises(ValueError, match="zip"):
        render(Prompt.PLAIN, asked(*"vwxyz"))
