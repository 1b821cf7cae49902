"""CONFIDENCE-NUM and -VERB against paper.md section 3, by hand, from their yaml."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowledge_builder import correct_of, knowledge

from honesty.config import load
from honesty.prompts import IDK
from honesty.strategies.confidence import Confidence
from honesty.types import InputError

NUM = load("strategy", "confidence_num")
VERB = load("strategy", "confidence_verb")

RARELY = (
    "I'm only about {}% confident to answer the question correctly, but based on my understanding and knowledge, "
    "here's what I think is correct. Greedy."
)
OFTEN = (
    "I'm about {}% confident to answer the question correctly, and based on my understanding and knowledge, "
    "here's what I think is correct. Greedy."
)
HEDGES = [
    "I'm really not sure about this, but ",
    "I'm not completely sure about this, but ",
    "I don't have strong feelings either way, but ",
    "I'm fairly confident that ",
    "I'm absolutely certain that ",
]


def response(strategy: Confidence, greedy: str, samples: str, text: str = "Greedy.") -> str:
    [example] = strategy(knowledge(greedy, samples, text=text))
    return example.response


@pytest.mark.parametrize("knowns", range(11))
def test_num_of_ten(knowns: int) -> None:
    expected = IDK if knowns == 0 else (RARELY if knowns <= 5 else OFTEN).format(10 * knowns)
    assert response(NUM, "c", correct_of(knowns, 10)) == expected


@pytest.mark.parametrize(("knowns", "hedge"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2), (7, 3), (8, 3), (9, 4), (10, 4)])
def test_verb_of_ten(knowns: int, hedge: int) -> None:
    assert response(VERB, "c", correct_of(knowns, 10)) == HEDGES[hedge] + "greedy."
    assert response(VERB, "w", correct_of(knowns, 10)) == HEDGES[hedge] + f"sample {10 - knowns}."


@pytest.mark.parametrize("strategy", [NUM, VERB])
def test_declined_without_a_correct_sample(strategy: Confidence) -> None:
    assert response(strategy, "w", "wwiiwwwiww") == IDK
    assert response(strategy, "c", "wwwwwwwwww") == IDK, "the corner: a correct greedy response does not count"
    assert list(strategy(knowledge("c", "????"))) == [], "nothing judged, nothing taught"
    assert list(strategy(knowledge("c", ""))) == []


@pytest.mark.parametrize(
    ("knowns", "m", "percent", "hedge"),
    [(1, 3, 33, 1), (2, 3, 67, 3), (3, 3, 100, 4), (1, 5, 20, 0), (3, 5, 60, 2), (1, 7, 14, 0), (3, 7, 43, 2), (4, 7, 57, 2)]
    + [
        (5, 7, 71, 3),
        (6, 7, 86, 4),
        (1, 20, 5, 0),
        (4, 20, 20, 0),
        (5, 20, 25, 1),
        (12, 20, 60, 2),
        (13, 20, 65, 3),
        (16, 20, 80, 3),
    ]
    + [(17, 20, 85, 4), (3, 15, 20, 0), (9, 15, 60, 2), (12, 15, 80, 3), (1, 1, 100, 4), (1, 2, 50, 2)],
)
def test_other_numbers_of_samples(knowns: int, m: int, percent: int, hedge: int) -> None:
    assert response(VERB, "c", correct_of(knowns, m)) == HEDGES[hedge] + "greedy."
    phrase = RARELY if 2 * knowns <= m else OFTEN
    assert response(NUM, "c", correct_of(knowns, m)) == phrase.format(percent)


def test_unjudged_samples_leave_the_denominator() -> None:
    assert response(VERB, "c", "cccww?????") == HEDGES[2] + "greedy."  # 3 of 5 judged


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Paris is the capital.", "paris is the capital."),
        ("A", "A"),
        ("D", "D"),
        ("B) Paris", "B) Paris"),
        ("C. Paris", "C. Paris"),
        ("E) Paris", "e) Paris"),
        ("A man called Bo.", "a man called Bo."),
        ("Denver", "denver"),
        ("D-Day", "d-Day"),
        ("Éire", "éire"),
        ("42", "42"),
    ],
)
def test_first_character_is_lowered_except_of_an_option(text: str, expected: str) -> None:
    assert response(VERB, "c", "c" * 10, text) == HEDGES[4] + expected
    assert response(NUM, "c", "c" * 10, text).endswith("correct. " + text)


@given(st.integers(1, 60).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m))))
def test_bins_cover_every_expected_accuracy_once(case: tuple[int, int]) -> None:
    knowns, m = case
    edges = [Fraction(i, 5) for i in range(6)]
    [bin] = [i for i in range(5) if edges[i] < Fraction(knowns, m) <= edges[i + 1]]
    assert response(VERB, "c", correct_of(knowns, m)) == HEDGES[bin] + "greedy."


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["strategy.bins=[0.5]"], "one phrase a bin, not 1 bins and 2 phrases"),
        (["strategy.bins=[0.5,0.9]"], r"bins must rise from above 0 to 1, not \[0.5, 0.9\]"),
        (["strategy.bins=[0,1]"], "bins must rise"),
        (["strategy.bins=[1.0,0.5]"], "bins must rise"),
        (["strategy.bins=[]", "strategy.phrases=[]"], "bins must rise"),
        (["strategy.bins=half"], "strategy.bins"),
    ],
)
def test_bad_bins(overrides: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load("strategy", "confidence_num", overrides)
