"""Accuracy and the plain rates, by hand."""

import pytest
from tables import table

from honesty.metrics.accuracy import Accuracy, AccuracyBefore, IdkRate, IdkRateBefore, KnownToWrong
from honesty.metrics.statistic import Statistic
from honesty.types import Outcome, Transition

SOME = table(10, 4, 1, 2, 8, 3, 8, 7, 2)


@pytest.mark.parametrize(
    ("metric", "numerator", "denominator"),
    [
        (Accuracy(), 15, 45),
        (AccuracyBefore(), 20, 45),
        (IdkRate(), 17, 45),
        (IdkRateBefore(), 6, 45),
        (KnownToWrong(), 2, 20),
    ],
)
def test_by_hand(metric: Statistic, numerator: int, denominator: int) -> None:
    score = metric(SOME)
    assert (score.value, score.n) == (pytest.approx(numerator / denominator), denominator)
    nothing = metric(table(*[0] * 9))
    assert (nothing.value, nothing.n) == (None, 0)


def test_accuracy_counts_an_answer_beside_a_refusal_and_the_label_does_not() -> None:
    refused = Transition(outcomes={Outcome(7, True, True): ("a", "b"), Outcome(8, False, False): ("c", "d")})
    assert Accuracy()(refused).value == 0.5
    assert IdkRate()(refused).value == 1.0


def test_before_and_after_are_not_mixed_up() -> None:
    lost = Transition(outcomes={Outcome(4, True, False): ("a", "b", "c"), Outcome(5, False, False): ("d",)})
    assert (AccuracyBefore()(lost).value, Accuracy()(lost).value, KnownToWrong()(lost).value) == (0.75, 0.0, 1.0)
