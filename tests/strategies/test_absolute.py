"""ABSOLUTE against paper.md section 3, by hand, and its threshold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowledge_builder import correct_of, knowledge

from honesty.config import load
from honesty.prompts import IDK
from honesty.strategies.absolute import Absolute
from honesty.types import InputError

MARK = st.sampled_from("cwi?")


def responses(strategy: Absolute, greedy: str, samples: str) -> list[str]:
    return [example.response for example in strategy(knowledge(greedy, samples))]


@pytest.mark.parametrize(
    ("greedy", "samples", "paper", "scripts"),
    [
        ("c", "cccccccccc", "Greedy.", "Greedy."),
        ("w", "wwwwwwwwwc", "Sample 9.", "Sample 9."),  # 1/10 >= 0.1
        ("w", "wwwwwwwwww", IDK, IDK),
        ("i", "iiiiiiiiii", IDK, IDK),
        ("c", "wwwwwwwwww", IDK, "Greedy."),  # the corner: only the greedy response is correct
        ("w", "w" * 19 + "c", IDK, "Sample 19."),  # 1/20 < 0.1
        ("w", "w?????????", IDK, IDK),  # one judged sample, wrong
    ],
)
def test_known_questions_are_answered(greedy: str, samples: str, paper: str, scripts: str) -> None:
    assert responses(Absolute(), greedy, samples) == [paper]
    assert responses(Absolute(rule="scripts"), greedy, samples) == [scripts]
    assert responses(Absolute(rule="any_correct"), greedy, samples) == [scripts]


def test_unjudged_is_not_wrong() -> None:
    assert responses(Absolute(), "w", "????") == []
    assert responses(Absolute(rule="scripts"), "?", "????") == []
    assert responses(Absolute(rule="scripts"), "w", "????") == [IDK]
    # of three judged samples two are correct
    assert responses(Absolute(threshold=0.6), "w", "cwc???????") == ["Sample 0."]
    assert responses(Absolute(threshold=0.7), "w", "cwc???????") == [IDK]


def test_threshold_zero_has_nothing_to_teach_without_a_correct_response() -> None:
    assert responses(Absolute(threshold=0.0), "w", "www") == [IDK]
    assert responses(Absolute(threshold=0.0), "c", "www") == ["Greedy."]
    assert responses(Absolute(threshold=1.0), "w", "ccc") == ["Sample 0."]


@pytest.mark.parametrize("m", [1, 2, 3, 7, 10, 20, 30, 100])
def test_the_threshold_itself_counts_as_known_for_every_m(m: int) -> None:
    for knowns in range(1, m + 1):
        for tenths in range(1, 11):
            answered = responses(Absolute(threshold=tenths / 10), "w", correct_of(knowns, m)) != [IDK]
            assert answered == (10 * knowns >= tenths * m), (knowns, m, tenths)


@given(MARK, st.text("cwi?", max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_answers_more(greedy: str, samples: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    at_low, at_high = (responses(Absolute(threshold=tau), greedy, samples) for tau in (low, high))
    assert len(at_low) == len(at_high)
    if at_high not in ([], [IDK]):
        assert at_low == at_high


@pytest.mark.parametrize("threshold", [1.2, -0.1, float("nan")])
def test_threshold_out_of_range(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"threshold must lie in 0\.\.1, not"):
        Absolute(threshold=threshold)


def test_yaml_and_overrides() -> None:
    assert load("strategy", "absolute") == Absolute(rule="paper", threshold=0.1, choose="first", seed=0)
    assert load("strategy", "absolute", ["strategy.threshold=0.3"]).threshold == 0.3
    with pytest.raises(InputError, match=r"threshold must lie in 0\.\.1, not 1\.2"):
        load("strategy", "absolute", ["strategy.threshold=1.2"])
    with pytest.raises(InputError, match=r"strategy\.treshold.*did you mean threshold"):
        load("strategy", "absolute", ["strategy.treshold=0.3"])
    with pytest.raises(InputError, match=r"strategy\.rule"):
        load("strategy", "absolute", ["strategy.rule=article"])
