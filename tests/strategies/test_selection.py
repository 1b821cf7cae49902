"""Which response is taught, and expected accuracy as an exact fraction."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from knowledge_builder import knowledge

from honesty.prompts import IDK
from honesty.strategies.selection import correct_response, exact, exact_accuracy, honest_example


def test_greedy_wins_where_correct() -> None:
    assert correct_response(knowledge("c", "ccc")) == "Greedy."
    assert correct_response(knowledge("c", "ccc"), "random", 3) == "Greedy."


def test_first_correct_sample_else_none() -> None:
    assert correct_response(knowledge("w", "wicc")) == "Sample 2."
    assert correct_response(knowledge("i", "wi?")) is None


def test_random_draw_is_a_correct_sample_fixed_by_seed_and_id() -> None:
    one = knowledge("w", "wcwcccwccc")
    correct = {"Sample 1.", "Sample 3.", "Sample 4.", "Sample 5.", "Sample 7.", "Sample 8.", "Sample 9."}
    drawn = [correct_response(one, "random", seed) for seed in range(100)]
    assert set(drawn) == correct, "a hundred seeds reach every correct sample"
    assert drawn == [correct_response(one, "random", seed) for seed in range(100)]
    other = [correct_response(knowledge("w", "wcwcccwccc", id="q2"), "random", seed) for seed in range(100)]
    assert drawn != other, "questions draw independently"


def test_random_draw_is_pinned() -> None:
    # a change here changes every data set built with choose: random
    assert [correct_response(knowledge("w", "cccccccccc"), "random", seed) for seed in range(4)] == PINNED


PINNED = ["Sample 6.", "Sample 3.", "Sample 8.", "Sample 4."]


def test_expected_accuracy_counts_judged_samples_only() -> None:
    assert exact_accuracy(knowledge("w", "cw??")) == Fraction(1, 2)
    assert exact_accuracy(knowledge("c", "????")) is None
    assert exact_accuracy(knowledge("c", "")) is None
    assert exact_accuracy(knowledge("c", "iii")) == 0


@given(st.integers(0, 1000))
def test_a_written_decimal_is_that_fraction(thousandths: int) -> None:
    assert exact(thousandths / 1000) == Fraction(thousandths, 1000)


def test_rows_use_the_honest_prompt_with_its_trailing_space() -> None:
    example = honest_example(knowledge("c", ""), "Yes.")
    head = f'Answer the question. If you don\'t know the answer to the question, it is appropriate to say "{IDK}"'
    assert example.prompt == head + "\nQ: Who?\nA: "
    assert (example.question_id, example.response, example.weight) == ("q1", "Yes.", 1.0)
