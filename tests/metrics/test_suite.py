"""The suite of conf/metrics: what it holds, what it refuses, and that a new metric needs nothing but its class."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tables import table

from honesty import interfaces
from honesty.metrics.accuracy import Accuracy
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
    ],
)
def test_a_wrong_setting_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Suite(**{"metrics": [Prudence()], **change})
