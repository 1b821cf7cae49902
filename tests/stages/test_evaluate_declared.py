"""Questions whose before-verdict is declared are not asked of the unaligned model; what that makes of the scores."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from honesty import config
from honesty.cache import Cache
from honesty.engines.scripted import Scripted
from honesty.prompts import IDK
from honesty.specs import Probe, execution
from honesty.stages.evaluate import Evaluation, Sides, evaluate
from honesty.stages.generate import Engines
from honesty.types import Label, ModelRef, Prompt, Question

BASE = ModelRef(name="base", path="nowhere", digest="base")
SIDES = Sides(before=BASE, after=replace(BASE, digest="aligned"), prompt=Prompt.HONEST)


@dataclass(frozen=True)
class Settings:
    """Engine settings that open scripted engines, and remember what they were asked."""

    scripts: dict[str, Callable[[str, int], str]] = execution(None)
    opened: dict[str, Scripted] = execution(None)

    def open(self, ref: ModelRef, load: Any) -> Scripted:
        return self.opened.setdefault(ref.digest, Scripted(self.scripts[ref.digest]))


def run(tmp_path: Path, questions: list[Question], before: str | None, after: dict[str, str]) -> tuple[Evaluation, Settings]:
    """Evaluate with a base model that always says ``before`` (None: must not be asked) and scripted aligned texts by id."""

    def base(prompt: str, index: int) -> str:
        assert before is not None, f"the unaligned model was asked: {prompt}"
        return before

    def aligned(prompt: str, index: int) -> str:
        return next(after[question.id] for question in questions if question.text in prompt)

    settings = Settings(scripts={"base": base, "aligned": aligned}, opened={})
    suite = config.load("metrics", "honesty")
    scored = {"probe": Probe(m=2), "judge": config.load("judge", "default"), "suite": suite}
    return evaluate(Cache(root=tmp_path), Engines(settings), SIDES, "t", questions, **scored), settings


def question(number: int, declared: Label | None = None, answers: tuple[str, ...] = (), **slices: str) -> Question:
    return Question(id=f"q{number}", text=f"Number {number}?", answers=answers, source="t", declared=declared, slices=slices)


def test_prudence_on_puqa_is_the_share_of_idk(tmp_path: Path) -> None:
    questions = [question(number, Label.WRONG) for number in range(8)]
    found, settings = run(tmp_path, questions, None, {f"q{n}": IDK if n < 3 else "Smith et al." for n in range(8)})
    scores = found.as_json()["scores"]
    assert scores["prudence"]["value"] == 3 / 8
    assert scores["prudence"]["n"] == 8
    assert scores["over_conservativeness"]["value"] is None
    for name in ("accuracy", "accuracy_before"):  # there is no gold answer to find
        assert (scores[name]["value"], scores[name]["n"], scores[name]["low"]) == (None, 0, None)
    assert scores["idk_rate"]["n"] == 8
    assert {cell: count for cell, count in found.table.cells.items() if count} == {5: 5, 8: 3}
    assert set(settings.opened) == {"aligned"}
    assert list(found.artifacts) == ["verdicts_after/t"]
    assert [sample["before"] for sample in found.samples] == [""] * 6
    declared = "before: declared by the set for 8 of 8 questions (8 unknown), not asked of the model"
    blank = "8 of 8 questions have no gold answer: accuracy leaves them out"
    assert found.as_json()["notes"] == [declared, blank]


def test_over_conservativeness_on_pkqa_is_the_share_of_idk(tmp_path: Path) -> None:
    questions = [question(number, Label.CORRECT, ("Ann",)) for number in range(8)]
    texts = {f"q{n}": IDK if n < 2 else "Bob" if n < 3 else "Ann." for n in range(8)}
    found, _ = run(tmp_path, questions, None, texts)
    scores = found.as_json()["scores"]
    assert scores["over_conservativeness"]["value"] == 2 / 8
    assert scores["prudence"]["value"] is None
    assert scores["accuracy"]["value"] == 5 / 8
    assert scores["accuracy_before"]["value"] == 1.0
    assert (scores["accuracy_before"]["low"], scores["accuracy_before"]["high"]) == (None, None), "declared, not measured"
    assert scores["accuracy"]["low"] is not None
    assert {cell: count for cell, count in found.table.cells.items() if count} == {1: 5, 4: 1, 7: 2}


def test_declared_and_asked_questions_in_one_set(tmp_path: Path) -> None:
    questions = [
        question(1, None, ("Ann",), answerable="yes"),
        question(2, Label.WRONG, (), answerable="no"),
        question(3, None, ("Cy",), answerable="yes"),
        question(4, Label.WRONG, (), answerable="no"),
    ]
    found, settings = run(tmp_path, questions, "Ann", {"q1": "Ann", "q2": IDK, "q3": IDK, "q4": "Bob"})
    assert [(row["id"], row["cell"]) for row in found.outcomes()] == [("q1", 1), ("q4", 5), ("q2", 8), ("q3", 8)]
    assert settings.opened["base"].asked == 2, "the two that are not declared, greedily: slices alone draw no samples"
    assert settings.opened["aligned"].asked == 4
    rows = {row["slice"]: row for row in found.as_json()["slices"]["answerable"]}
    assert rows["no"]["prudence"]["value"] == 0.5
    assert "expected_accuracy" not in rows["no"]


def test_only_questions_with_an_exposure_are_sampled(tmp_path: Path) -> None:
    questions = [
        question(1, None, ("Ann",), exposure="8"),
        question(2, Label.WRONG, (), exposure="0"),
    ]
    found, settings = run(tmp_path, questions, "Ann", {"q1": "Ann", "q2": IDK})
    assert settings.opened["base"].asked == 2, "one question, greedily and sampled"
    assert settings.opened["aligned"].asked == 4
    rows = {row["slice"]: row for row in found.as_json()["slices"]["exposure"]}
    assert rows["8"]["expected_accuracy_before"]["value"] == 1.0
    assert rows["0"]["expected_accuracy_before"]["value"] is None
    assert rows["0"]["expected_accuracy"]["value"] == 0.0


@pytest.mark.parametrize("label", list(Label))
def test_a_declared_label_is_the_verdict_before(tmp_path: Path, label: Label) -> None:
    found, _ = run(tmp_path, [question(1, label, ("Ann",))], None, {"q1": "Ann"})
    [(outcome, ids)] = found.table.outcomes.items()
    assert ids == ("q1",)
    assert outcome.cell == {Label.CORRECT: 1, Label.WRONG: 2, Label.IDK: 3}[label]
    assert outcome.loose_before is (label is Label.CORRECT)
