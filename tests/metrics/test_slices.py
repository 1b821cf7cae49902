"""Scores by slice and means of per-question fractions."""

import numpy as np
import pytest
from tables import ANY, table

from honesty.metrics.accuracy import Accuracy, IdkRateBefore
from honesty.metrics.bootstrap import Bootstrap, wilson
from honesty.metrics.slices import by_slice, expected, mean_score, score_slices
from honesty.metrics.suite import Suite
from honesty.types import Outcome, Question, Transition

SUITE = Suite(metrics=[Accuracy(), IdkRateBefore()], replicates=100, seed=0)


def question(name: str, **slices: str) -> Question:
    return Question(id=name, text="?", answers=("x",), source="test", slices=slices)


QUESTIONS = [
    question("a", exposure="8", relation="craft"),
    question("b", exposure="48", relation="craft"),
    question("c", exposure="8", relation="birth"),
    question("d", exposure="0"),
    question("e"),
]
TABLE = Transition(
    outcomes={Outcome(1, True, True): ("a", "b", "e"), Outcome(8, False, False): ("c",)},
    unjudged={ANY: ("d",)},
)


def test_a_table_splits_by_value_in_numeric_order_and_keeps_the_unjudged() -> None:
    parts = by_slice(TABLE, QUESTIONS, "exposure")
    assert list(parts) == ["0", "8", "48"]
    assert parts["0"] == Transition(outcomes={}, unjudged={ANY: ("d",)})
    assert parts["8"].outcomes == {Outcome(1, True, True): ("a",), Outcome(8, False, False): ("c",)}
    assert list(by_slice(TABLE, QUESTIONS, "relation")) == ["birth", "craft"]
    assert by_slice(TABLE, QUESTIONS, "colour") == {}


def test_rows_hold_scores_and_the_means_of_given_samples() -> None:
    drawn = {"a": [True, False], "b": [True, True], "c": [False, False], "d": [None, None], "e": [True, False]}
    rows = score_slices(SUITE, TABLE, QUESTIONS, {"expected_accuracy": drawn})
    assert set(rows) == {"exposure", "relation"}
    unknown, some, all_ = rows["exposure"]
    assert (unknown["slice"], unknown["n"], unknown["accuracy"].value, unknown["accuracy"].unjudged) == ("0", 0, None, 1)
    assert (unknown["expected_accuracy"].value, unknown["expected_accuracy"].unjudged) == (None, 1)
    assert (some["slice"], some["n"], some["accuracy"].value, some["idk_rate_before"].value) == ("8", 2, 0.5, 0.0)
    assert (some["expected_accuracy"].value, some["expected_accuracy"].n) == (0.25, 2)
    assert all_["expected_accuracy"].value == 1.0
    assert (unknown["expected_accuracy"].least, unknown["expected_accuracy"].most) == (0.0, 1.0)
    assert (some["expected_accuracy"].least, some["expected_accuracy"].most) == (None, None)
    assert score_slices(SUITE, TABLE, [question("a")]) == {}


def test_unjudged_samples_bound_expected_accuracy() -> None:
    score = expected("expected_accuracy", [[True, None, False, None], [True, True, True, True], [None] * 4])
    assert (score.value, score.n, score.unjudged) == (0.75, 2, 1)  # 1 of 2 judged, 4 of 4, and one with none
    assert (score.least, score.most) == (pytest.approx((1 / 4 + 1) / 3), pytest.approx((3 / 4 + 1 + 1) / 3))


def test_the_mean_of_fractions_is_resampled_over_questions() -> None:
    generator = np.random.default_rng(0)
    values = [float(value) for value in generator.integers(0, 11, size=200) / 10]
    score = mean_score("expected_accuracy", [*values, None], Bootstrap(replicates=4000))
    means = [generator.choice(values, size=200).mean() for _ in range(4000)]
    low, high = np.quantile(means, (0.025, 0.975))
    assert (score.value, score.n, score.unjudged) == (pytest.approx(np.mean(values)), 200, 1)
    assert (score.low, score.high) == (pytest.approx(low, abs=0.006), pytest.approx(high, abs=0.006))


def test_equal_fractions_get_wilson_not_a_point() -> None:
    score = mean_score("expected_accuracy", [0.0] * 20)
    assert (score.low, score.high) == wilson(0, 20)
    assert "Wilson" in score.source


def test_slicing_loses_no_question() -> None:
    some = table(*range(1, 10))
    questions = [question(name, group=str(number % 4)) for number, ids in enumerate(some.outcomes.values()) for name in ids]
    parts = by_slice(some, questions, "group")
    assert sum(part.n for part in parts.values()) == some.n
    assert {cell: sum(part.cells[cell] for part in parts.values()) for cell in range(1, 10)} == some.cells
