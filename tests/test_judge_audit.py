"""`honesty judge-audit`: a judge against people, by hand and on the real file."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import cohen_kappa_score

from honesty import cli
from honesty.data.audit import read_audited, read_evouna
from honesty.metrics.agreement import Mark, agreement
from honesty.metrics.bootstrap import wilson
from honesty.types import InputError


def put(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def row(id: str, response: str, human: bool | None, **more: Any) -> dict[str, Any]:
    return {"id": id, "question": "Where?", "answers": ["Rome"], "response": response, "human": human, **more}


ROWS = [
    row("1", "Rome", True),
    row("2", "In Rome.", True),
    row("3", "Roma", True),  # the judge misses it
    row("4", "Not in Rome", False),  # the judge is fooled
    row("5", "Oslo", False),
    row("6", "I apologize, but no.", False),
    row("7", "Rome", None),
]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["judge-audit", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, put(tmp_path / "a.jsonl", ROWS), "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["judge"], found["rows"], found["n"]) == ("string", 7, 6)
    assert [found[key] for key in ("both", "judge_only", "human_only", "neither")] == [2, 1, 1, 2]
    assert (found["unjudged_by_judge"], found["unjudged_by_human"]) == (0, 1)
    scores = found["scores"]
    assert scores["agreement"]["value"] == pytest.approx(4 / 6)
    assert scores["precision"]["value"] == pytest.approx(2 / 3)
    assert scores["recall"]["value"] == pytest.approx(2 / 3)
    assert scores["kappa"]["value"] == pytest.approx(1 / 3)  # (4/6 - 1/2) / (1 - 1/2)
    assert (scores["precision"]["low"], scores["precision"]["high"]) == pytest.approx(wilson(2, 3))
    assert [scores[name]["n"] for name in ("agreement", "kappa", "precision", "recall")] == [6, 6, 3, 3]
    assert found["disagreements"] == 2
    assert [one["id"] for one in found["listed"]] == ["3", "4"]
    assert found["listed"][1]["evidence"] == "answer: Rome"


def test_by_system_and_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("1", "Rome", True, system="a"), row("1", "Roma", True, system="b"), row("2", "Oslo", False, system="b")]
    path = put(tmp_path / "a.jsonl", rows)
    found = json.loads(run(capsys, path, "--json")[1])
    assert {name: one["n"] for name, one in found["systems"].items()} == {"a": 1, "b": 2}
    assert found["systems"]["a"]["scores"]["kappa"]["value"] is None, "one label only"
    code, out, _ = run(capsys, path)
    assert code == 0
    assert "1 disagreement\n" in out
    assert "1, b: accepted by people, judged wrong" in out
    assert max(map(len, out.splitlines())) <= 200


def test_the_list_of_disagreements_is_cut_unless_all_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path / "a.jsonl", [row(str(i), "Oslo", True) for i in range(25)])
    assert len(json.loads(run(capsys, path, "--json")[1])["listed"]) == 20
    assert len(json.loads(run(capsys, path, "--json", "--all")[1])["listed"]) == 25
    assert "25 disagreements, the first 20 (--all lists them all)" in run(capsys, path)[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"human": "yes"}, '"human" must be true, false or null'),
        ({"human": 1}, '"human" must be true, false or null'),
        ({"response": None}, '"response" must be a string'),
        ({"answers": []}, "empty list"),
        ({"system": 3}, '"system" must be a string'),
    ],
)
def test_a_faulty_row_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    code, _, err = run(capsys, put(tmp_path / "a.jsonl", [ROWS[0], {**ROWS[1], **change}]))
    assert code == 2
    assert "a.jsonl:2" in err
    assert message in err


def test_an_id_occurs_once_a_system(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="already on line 1"):
        read_audited(put(tmp_path / "a.jsonl", [ROWS[0], ROWS[0]]))


def test_an_unknown_judge_or_override_is_an_input_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path / "a.jsonl", ROWS)
    code, _, err = run(capsys, path, "--judge", "oracle")
    assert code == 2
    assert "no judge is called 'oracle'; there are cascade, default, llm" in err
    code, _, err = run(capsys, path, "--judge", "llm")
    assert code == 2
    assert "judge.model.path=..." in err
    code, _, err = run(capsys, path, "--judge", "llm", "-o", "judge.model.path=/nowhere", "-o", "judge.treshold=0.8")
    assert code == 2
    assert "treshold" in err


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eOslo\ud800\r\x08"


def test_no_text_of_the_file_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("1" + HOSTILE, "Oslo" + HOSTILE, True, question="Q" + HOSTILE, answers=["Rome" + HOSTILE], system=HOSTILE)]
    path = put(tmp_path / "a.jsonl", [*rows, row("2", "Rome", True, system="b")])
    code, out, err = run(capsys, path)
    assert code == 0
    assert set("\x1b\x07\x9b\x08\u202e\ud800") & set(out + err) == set()
    assert r"A: Oslo\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eOslo\ud800" in out
    code, out, _ = run(capsys, path, "--json")
    assert code == 0
    assert set("\x1b\x07\x9b\x08\u202e\ud800") & set(out) == set()
    assert json.loads(out)["listed"][0]["response"] == "Oslo" + HOSTILE, "and it is the same document"
    (tmp_path / "b.jsonl").write_text(json.dumps({**ROWS[0], "human": HOSTILE}, ensure_ascii=True))
    code, _, err = run(capsys, str(tmp_path / "b.jsonl"))
    assert code == 2
    assert set("\x1b\x07\x9b\x08\u202e\ud800") & set(err) == set()


def test_nothing_judged_says_no_more_than_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, put(tmp_path / "a.jsonl", [row("1", "Rome", None)]))
    assert code == 0
    assert "n/a" in out
    assert "0 disagreements" in out
    assert "Intervals:" not in out


def test_no_bound_is_cut_off_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(str(i), "Rome" if i % 4 else "Oslo", i % 4 > 1, system="ab"[i % 8 > 3]) for i in range(400)]
    words = ["--judge", "cascade", "-o", "judge/engine=openai", "-o", "judge.engine.base_url=http://127.0.0.1:9/v1"]
    words += ["-o", "judge.engine.model=m", "-o", "judge.engine.startup=0", "--cache", str(tmp_path / "cache")]
    path = str(put(tmp_path / "a.jsonl", rows))
    found = json.loads(run(capsys, path, *words, "--json")[1])
    table = run(capsys, path, *words)[1].split("Per cent")[0]
    assert "judge cascade" in table
    assert max(map(len, table.splitlines())) <= 100
    for one in [found, *found["systems"].values()]:
        for score in one["scores"].values():
            for brackets, ends in (("[]", ("low", "high")), ("{}", ("least", "most"))):
                if score[ends[0]] is not None:
                    low, high = (100 * score[end] for end in ends)
                    assert f"{brackets[0]}{low:.1f}, {high:.1f}{brackets[1]}" in table


def test_kappa_is_scikit_learn_s() -> None:
    judge = [True, True, False, False, True, False, True, True]
    human = [True, False, False, True, True, False, True, True]
    found = agreement(Mark(question=str(i), judge=a, human=b) for i, (a, b) in enumerate(zip(judge, human, strict=True)))
    assert found.scores[1].value == pytest.approx(cohen_kappa_score(judge, human))


def test_questions_are_resampled_with_all_their_responses() -> None:
    # ten copies of each row's verdict under one question say no more than one copy of it
    one = [Mark(question=str(i), judge=True, human=i % 3 > 0) for i in range(60)]
    ten = [mark for mark in one for _ in range(10)]
    spread = {}
    for name, marks in (("one", one), ("ten", ten)):
        precision = agreement(marks).scores[2]
        spread[name] = precision.high - precision.low
    assert spread["ten"] == pytest.approx(spread["one"], rel=0.1)


def test_what_either_has_not_judged_is_counted_apart() -> None:
    marks = [Mark(question="1", judge=None, human=True), Mark(question="2", judge=True, human=None)]
    found = agreement([*marks, Mark(question="3", judge=None, human=None)])
    assert (found.n, found.unjudged_by_judge, found.unjudged_by_human) == (0, 1, 2)
    assert all(score.value is None and score.n == 0 for score in found.scores)


def test_evouna_s_layout(tmp_path: Path) -> None:
    item = {"question": "Q?", "golden_answer": "a/b//c", "answer_x": "a", "judge_x": True, "answer_y": "z", "judge_y": "nan"}
    path = tmp_path / "e.json"
    path.write_text(json.dumps([{**item, "improper": False}, {**item, "improper": True}]))
    rows = read_evouna(path)
    assert [(one.question.id, one.system, one.human) for one in rows] == [
        ("1", "x", True),
        ("1", "y", None),
        ("2", "x", None),
        ("2", "y", None),
    ]
    assert rows[0].question.answers == ("a", "b", "c")
    path.write_text('{"id": 1}')
    with pytest.raises(InputError, match="leave --layout out"):
        read_evouna(path)
    path.write_text("[1")
    with pytest.raises(InputError, match="not a JSON array"):
        read_evouna(path)


def test_the_default_finds_more_right_answers_written_differently_at_no_lower_precision(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(shared_data / "evouna_triviaqa.json")
    found = {
        name: json.loads(run(capsys, path, "--layout", "evouna", "--judge", name, "--json")[1])
        for name in ("scripts", "default")
    }
    for one in found.values():
        assert (one["n"], one["unjudged_by_human"], len(one["systems"])) == (9690, 310, 5)
    scripts, default = (found[name]["scores"] for name in ("scripts", "default"))
    assert default["precision"]["value"] >= scripts["precision"]["value"]
    assert default["recall"]["value"] >= scripts["recall"]["value"] + 0.004
    for system in found["default"]["systems"]:
        recalls = [found[name]["systems"][system]["scores"]["recall"]["value"] for name in ("scripts", "default")]
        assert recalls[1] > recalls[0]
