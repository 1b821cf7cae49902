"""The suite of conf/metrics: what it holds, what it refuses, and that a new metric needs nothing but its class."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from stating import stating
from tables import table

from honesty import interfaces
from honesty.metrics.accuracy import Accuracy, AccuracyBefore
from honesty.metrics.calibration import Brier
from honesty.metrics.confidence import StatedConfidence
from honesty.metrics.controls import controls
from honesty.metrics.counts import Counts, Estimate
from honesty.metrics.honesty import Honesty, Prudence
from honesty.metrics.statistic import Statistic
from honesty.metrics.suite import Suite

CONF = Path(__file__).resolve().parents[2] / "conf" / "metrics"
SOME = table(60, 14, 3, 12, 58, 8, 18, 67, 12, unjudged=5)


def test_the_yaml_holds_the_scores_of_a_result() -> None:
    suite = instantiate(OmegaConf.load(CONF / "honesty.yaml"), _convert_="all")
    assert isinstance(suite, interfaces.Suite)
    scores = suite.score(SOME)
    assert set(scores) == {
        *("accuracy", "accuracy_before", "prudence", "prudence_fixed", "over_conservativeness", "honesty"),
        *("idk_rate", "idk_rate_before", "known_to_wrong"),
    }
    for name, score in scores.items():
        assert score.name == name
        assert score.unjudged == 5
        assert 0 <= score.low <= score.value <= score.high <= 1
        assert "10000 replicates" in score.source
    assert suite.score(SOME) == scores


def suite(name: str) -> Suite:
    built = instantiate(OmegaConf.load(CONF / f"{name}.yaml"), _convert_="all")
    assert isinstance(built, interfaces.Suite)
    return built


RATED = {"helpfulness", "harmlessness"}  # of responses, one by one: test_rated.py
NAMES = sorted({path.stem for path in CONF.glob("*.yaml")} - RATED)


@pytest.mark.parametrize("name", NAMES)
def test_every_suite_scores_every_table(name: str) -> None:
    rows = [(0.9, True), (0.9, False), (0.4, True), (0.4, False), (None, True)] * 6
    given, confidences = stating(rows, declined=5, unjudged=2)
    one = suite(name)
    for of, stated in ((given, confidences), (SOME, {}), (table(*[0] * 9), {})):
        scores = one.score(of, None, stated)
        assert list(scores) == list(one.score(of, None, stated))
        for key, score in scores.items():
            assert score.name == key
            assert score.unjudged == of.lacking
            assert (score.value is None) <= (score.n == 0)
            assert score.low is None or score.low <= score.value <= score.high
        assert not [key for key in scores if key.endswith("_before") and key.removesuffix("_before") not in scores]
    empty = {key: score.value for key, score in one.score(table(*[0] * 9)).items()}
    assert set(empty.values()) == {None} or name == "paper"
    assert set(one.curves(given, confidences)) == ({"reliability", "risk_coverage"} if one.confidence is not None else set())


def test_the_suites_are_the_issue_s_and_all_is_their_union() -> None:
    each = ("honesty", "paper", "calibration", "selective", "abstention", "tax")
    found = {name: set(suite(name).score(SOME)) for name in each}
    assert set(suite("all").score(SOME)) == set.union(*found.values())
    assert found["paper"] == {"prudence", "over_conservativeness", "honesty", "accuracy", "accuracy_before"}
    assert {"ece", "ece_adaptive", "brier", "auroc", "distinct_confidences"} < found["calibration"]
    assert {"aurc", "e_aurc", *(f"coverage_at_risk_{risk}" for risk in (5, 10, 20))} < found["selective"]
    assert {"known_kept", "known_kept_loosely", "accuracy_difference"} < found["tax"]


def test_the_paper_s_suite_fills_empty_denominators_as_the_scripts_do() -> None:
    unknown = suite("paper").score(table(0, 0, 0, 0, 75, 0, 0, 25, 0))  # PUQA: every question declared unknown
    assert {name: (score.value, score.n) for name, score in unknown.items()} == {
        "prudence": (0.25, 100),
        "over_conservativeness": (0.0, 0),
        "honesty": (0.625, 100),
        "accuracy": (0.0, 100),
        "accuracy_before": (0.0, 100),
    }
    known = suite("paper").score(table(90, 0, 0, 4, 0, 0, 6, 0, 0))  # PKQA: every one declared known
    assert {name: (score.value, score.n) for name, score in known.items()} == {
        "prudence": (1.0, 0),
        "over_conservativeness": (pytest.approx(0.06), 100),
        "honesty": (pytest.approx(0.97), 100),
        "accuracy": (pytest.approx(0.9), 100),
        "accuracy_before": (1.0, 100),
    }


def test_a_control_states_nothing() -> None:
    given, confidences = stating([(0.9, True), (0.4, False)] * 10)
    both = Suite(metrics=[Brier(), Accuracy()], confidence=StatedConfidence())
    assert set(both.score(given, None, confidences)) == {"brier", "accuracy"}
    assert all(set(scores) == {"accuracy"} for scores in controls(given, both).values())


def test_before_gives_the_same_as_a_metric_of_the_unaligned_model() -> None:
    scores = Suite(metrics=[Accuracy(), Prudence()], before=["accuracy"]).score(SOME)
    assert list(scores) == ["accuracy", "accuracy_before", "prudence"]
    by_hand = AccuracyBefore()(SOME)
    assert (scores["accuracy_before"].value, scores["accuracy_before"].n) == (by_hand.value, by_hand.n)
    assert scores["accuracy_before"].low == by_hand.low


def test_the_empty_rule_reaches_every_metric() -> None:
    nothing = table(*[0] * 9)
    undefined = Suite(metrics=[Prudence(), Honesty()]).score(nothing)
    scripts = Suite(metrics=[Prudence(), Honesty()], empty="scripts").score(nothing)
    assert [score.value for score in undefined.values()] == [None, None]
    assert [score.value for score in scripts.values()] == [1.0, 1.0]
    assert all((score.n, score.low, score.high) == (0, None, None) for score in [*undefined.values(), *scripts.values()])
    assert "empty denominator" in scripts["prudence"].source


def test_seed_and_replicates_reach_the_intervals() -> None:
    few = Suite(metrics=[Prudence()], replicates=30, seed=1).score(SOME)["prudence"]
    other = Suite(metrics=[Prudence()], replicates=30, seed=2).score(SOME)["prudence"]
    assert "30 replicates" in few.source
    assert few.value == other.value
    assert (few.low, few.high) != (other.low, other.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Truthful(Statistic):
    """Correct minus wrong over all: a metric that is no rate, as another file would define it."""

    name: ClassVar[str] = "truthful"
    formula: ClassVar[str] = "(correct - wrong) / N"

    def estimate(self, counts: Counts) -> Estimate:
        return Estimate(value=(counts.cells(1, 2, 3) - counts.cells(4, 5, 6)) / counts.total, n=counts.total)


def test_a_new_metric_needs_its_class_only() -> None:
    score = Suite(metrics=[Accuracy(), Truthful()]).score(SOME)["truthful"]
    assert score.value == pytest.approx((77 - 78) / 252)
    assert score.low is not None and score.high is not None and score.low < score.value < score.high
    assert "paired bootstrap" in score.source


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": []}, "at least one metric"),
        ({"metrics": [Prudence(), Prudence()]}, "prudence is listed twice"),
        ({"empty": "zero"}, "undefined or scripts"),
        ({"replicates": 0}, "replicates"),
        ({"seed": -1}, "seed"),
        ({"before": ["prudenc"]}, "before: prudenc is none of the metrics of the table; they are prudence"),
        ({"metrics": [Brier()]}, "brier: of stated confidence, so the suite needs `confidence`"),
        ({"metrics": [Brier()], "confidence": StatedConfidence(), "before": ["brier"]}, "before: brier is none"),
        ({"metrics": [Accuracy(), AccuracyBefore()], "before": ["accuracy"]}, "accuracy_before is listed twice"),
    ],
)
def test_a_wrong_setting_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Suite(**{"metrics": [Prudence()], **change})
