"""FINE-TUNED against paper.md section 3, by hand."""

import pytest
from knowledge_builder import knowledge

from honesty.config import load
from honesty.strategies.baseline import FineTuned
from honesty.types import Prompt


def responses(strategy: FineTuned, greedy: str, samples: str) -> list[str]:
    return [example.response for example in strategy(knowledge(greedy, samples))]


@pytest.mark.parametrize(
    ("greedy", "samples", "scripts", "paper"),
    [
        ("c", "cccc", "Greedy.", "Greedy."),
        ("c", "wwww", "Greedy.", "Greedy."),
        ("w", "wcwc", "Sample 1.", "New York"),
        ("i", "iiic", "Sample 3.", "New York"),
        ("w", "wiwi", "New york.", "New York"),
        ("?", "wc", "Sample 1.", "New York"),
        ("?", "??", "New york.", "New York"),
    ],
)
def test_one_row_never_declined(greedy: str, samples: str, scripts: str, paper: str) -> None:
    assert responses(FineTuned(), greedy, samples) == [scripts]
    assert responses(FineTuned(rule="paper"), greedy, samples) == [paper]


def test_gold_may_be_written_either_way_under_either_rule() -> None:
    assert responses(FineTuned(gold="unchanged"), "w", "ww") == ["New York"]
    assert responses(FineTuned(rule="paper", gold="sentence"), "w", "ww") == ["New york."]


def test_yaml_is_the_scripts_rule() -> None:
    strategy = load("strategy", "fine_tuned")
    assert strategy == FineTuned(rule="scripts")
    assert strategy.trains
    assert strategy.evaluation_prompt is Prompt.HONEST
