"""UNALIGNED and PROMPT-BASED train nothing; and what holds for every strategy there is a yaml of."""

import subprocess
import sys

import pytest
from knowledge_builder import knowledge

from honesty.cache import canonical, digest
from honesty.config import load, names
from honesty.prompts import render
from honesty.types import Prompt

SEVEN = ["absolute", "confidence_num", "confidence_verb", "fine_tuned", "multisample", "prompt_based", "unaligned"]


def test_there_are_seven() -> None:
    assert names("strategy") == SEVEN


@pytest.mark.parametrize(("name", "prompt"), [("unaligned", Prompt.PLAIN), ("prompt_based", Prompt.HONEST)])
def test_no_training(name: str, prompt: Prompt) -> None:
    strategy = load("strategy", name)
    assert (strategy.trains, strategy.evaluation_prompt) == (False, prompt)
    assert list(strategy(knowledge("c", "ccc"))) == []


@pytest.mark.parametrize("name", [name for name in SEVEN if name not in ("unaligned", "prompt_based")])
def test_training_and_evaluation_use_the_honest_prompt(name: str) -> None:
    strategy = load("strategy", name)
    assert (strategy.trains, strategy.evaluation_prompt) == (True, Prompt.HONEST)
    one = knowledge("c", "cwcwc", choices=("Rome", "Oslo"))
    rows = list(strategy(one))
    assert rows
    assert {row.prompt for row in rows} == {render(Prompt.HONEST, one.question)}
    assert "\nQ: Who?\nA) Rome\nB) Oslo\nA: " in rows[0].prompt


def test_every_strategy_has_an_identity_of_its_own() -> None:
    digests = {digest(canonical(load("strategy", name))) for name in SEVEN}
    assert len(digests) == len(SEVEN)


def test_strategies_do_not_import_torch() -> None:
    modules = ["absolute", "baseline", "confidence", "multisample", "prompting", "selection"]
    code = "import sys\n" + "".join(f"import honesty.strategies.{name}\n" for name in modules)
    code += (
        "heavy = {'torch', 'transformers', 'pytorch_lightning', 'wandb', 'numpy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
