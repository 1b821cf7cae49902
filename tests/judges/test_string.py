"""The string judge: the scripts to the letter, the default by hand and against human verdicts."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from honesty.interfaces import Judge
from honesty.judges.string import IDK_SIGNS, StringJudge
from honesty.prompts import IDK
from honesty.types import Label, Question

CONF = Path(__file__).resolve().parents[2] / "conf" / "judge"


def built(name: str) -> StringJudge:
    judge: StringJudge = instantiate(OmegaConf.load(CONF / f"{name}.yaml"), _convert_="all")
    return judge


DEFAULT, SCRIPTS = built("default"), built("scripts")
BOTH = pytest.mark.parametrize("judge", [DEFAULT, SCRIPTS], ids=["default", "scripts"])


def question(*answers: str, text: str = "Which is it?") -> Question:
    return Question(id="q", text=text, answers=answers, source="test")


def test_both_configs_are_judges_of_different_names() -> None:
    assert isinstance(DEFAULT, Judge)
    assert DEFAULT.name != SCRIPTS.name


@BOTH
def test_the_three_labels(judge: StringJudge) -> None:
    paris = question("Paris", "City of Light")
    correct = judge(paris, "I think it is paris.")
    assert (correct.label, correct.loosely_correct, correct.judge) == (Label.CORRECT, True, judge.name)
    assert correct.evidence == "answer: Paris"
    wrong = judge(paris, "It is London.")
    assert (wrong.label, wrong.loosely_correct, wrong.evidence) == (Label.WRONG, False, "")
    idk = judge(paris, IDK)
    assert (idk.label, idk.loosely_correct) == (Label.IDK, False)
    both = judge(paris, f"{IDK} Perhaps the City of Light.")
    assert (both.label, both.loosely_correct) == (Label.IDK, True)
    assert both.evidence.endswith("answer: City of Light")


@BOTH
@pytest.mark.parametrize("sign", IDK_SIGNS)
def test_every_sign_counts_unless_the_question_contains_it(judge: StringJudge, sign: str) -> None:
    response = f"Well, {sign.upper()} anything of the kind"
    assert judge(question("x"), response).label is Label.IDK
    assert judge(question("x"), response).evidence == f"idk: {sign}"
    assert judge(question("x", text=f"Who said '{sign} it'?"), response).label is Label.WRONG


@BOTH
def test_the_idk_sentence_counts_even_inside_the_question(judge: StringJudge) -> None:
    asked = question("Paris", text=f'Who said "{IDK}"?')
    assert judge(asked, IDK.removesuffix(".")).label is Label.IDK


def test_a_curly_apostrophe_is_an_idk_sign_by_default_only() -> None:
    response = "I’m not able to say."
    assert DEFAULT(question("x"), response).label is Label.IDK
    assert SCRIPTS(question("x"), response).label is Label.WRONG
    assert DEFAULT(question("x", text="Why do people say I’m not able to?"), response).label is Label.WRONG


@BOTH
def test_a_hedge_is_not_an_idk_sign(judge: StringJudge) -> None:
    assert judge(question("Paris"), "I'm really not sure about this, but it is London.").label is Label.WRONG
    assert judge(question("Paris"), "I'm really not sure about this, but it is Paris.").label is Label.CORRECT


@BOTH
def test_an_empty_response_is_wrong(judge: StringJudge) -> None:
    verdict = judge(question("Paris"), "")
    assert (verdict.label, verdict.loosely_correct) == (Label.WRONG, False)


def test_substring_against_token() -> None:
    asked = question("2")
    assert SCRIPTS(asked, "In 2015.").label is Label.CORRECT
    assert DEFAULT(asked, "In 2015.").label is Label.WRONG
    assert DEFAULT(asked, "It is 2.5 metres.").label is Label.WRONG
    assert DEFAULT(asked, "There were two.").label is Label.CORRECT
    assert SCRIPTS(asked, "There were two.").label is Label.WRONG


def test_an_empty_alias_matches_everything_only_in_the_scripts_and_is_counted() -> None:
    asked = question("A+", "the", "Best")
    assert SCRIPTS(asked, "no idea").label is Label.CORRECT
    assert DEFAULT(asked, "no idea").label is Label.WRONG
    empty = "gold answers that are empty after normalisation"
    assert DEFAULT.notes([asked, question("x")]) == [f"{empty} and match no response: 2"]
    assert SCRIPTS.notes([asked, question("x")]) == [f"{empty} and match every response: 2"]
    assert DEFAULT.notes([question("x")]) == SCRIPTS.notes([]) == []
    assert isinstance(DEFAULT, Judge)


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_label_and_loosely_correct_are_consistent(response: str, answers: list[str]) -> None:
    for judge in (DEFAULT, SCRIPTS):
        verdict = judge(question(*answers), response)
        if verdict.label is not Label.IDK:
            assert verdict.loosely_correct == (verdict.label is Label.CORRECT)
        assert verdict == judge(question(*reversed(answers)), response) or verdict.loosely_correct


@given(st.text(alphabet=st.characters(categories=["L", "Nd"]), min_size=1, max_size=12))
def test_repeating_the_gold_answer_is_correct_unless_nothing_is_left_of_it(answer: str) -> None:
    asked = question(answer)
    for judge in (DEFAULT, SCRIPTS):
        expected = Label.WRONG if judge is DEFAULT and judge.notes([asked]) else Label.CORRECT
        assert judge(asked, f"It is {answer}.").label is expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matching": "fuzzy"}, "substring or token"),
        ({"normalisation": "none"}, "scripts or unicode"),
        ({"empty_alias": "scripts"}, "nothing or everything"),
        ({"idk_signs": ("I Apologize",)}, "lower-case"),
        ({"idk_signs": ("i’m not",)}, "straight apostrophes"),
        ({"idk_signs": ("",)}, "none of them empty"),
        ({"idk_signs": "sorry"}, "idk_signs"),
        ({"idk_sentence": "."}, "every response would be idk"),
        ({"name": ""}, "needs a name"),
    ],
)
def test_a_wrong_setting_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StringJudge(**{"name": "x", **change})


def agreement(judge: StringJudge, rows: list[dict[str, object]]) -> tuple[float, float]:
    """Precision and recall of "a gold answer is present" against the human verdicts on five systems' answers."""
    hits = right = human = 0
    for row in rows:
        asked = question(*str(row["golden_answer"]).split("/"), text=str(row["question"]))
        for system in ("fid", "gpt35", "chatgpt", "gpt4", "newbing"):
            found, true = judge(asked, str(row[f"answer_{system}"])).loosely_correct, bool(row[f"judge_{system}"])
            hits, right, human = hits + found, right + (found and true), human + true
    return right / hits, right / human


def test_the_default_finds_more_of_what_people_accept_at_no_lower_precision(shared_data: Path) -> None:
    rows = [row for row in json.loads((shared_data / "evouna_triviaqa.json").read_text("utf-8")) if not row["improper"]]
    for row in rows:  # one gold alias ("") of this file's "/" join would match everything under the scripts
        row["golden_answer"] = "/".join(
            alias for alias in row["golden_answer"].split("/") if not SCRIPTS.notes([question(alias)])
        )
    precision, recall = agreement(DEFAULT, rows)
    scripts_precision, scripts_recall = agreement(SCRIPTS, rows)
    assert (round(scripts_precision, 3), round(scripts_recall, 3)) == (0.996, 0.905)
    assert precision >= scripts_precision
    assert recall > scripts_recall + 0.004
