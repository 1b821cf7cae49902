"""`honesty make-pkqa` from the command line to questions that a run loads, with a tiny model that can write questions."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pkqa_model
import pytest

from honesty import cli
from honesty.config import load
from honesty.data.jsonl import Jsonl
from honesty.types import Label

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pkqa_model.make(tmp_path_factory.mktemp("pkqa"))


@pytest.fixture(scope="module")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("topics") / "topics.txt"
    path.write_text("".join(f"{topic}\n\n" for topic in pkqa_model.FACTS))
    return path


def words(out: Path, model: Path, topics: Path, cache: Path, *more: str) -> list[str]:
    asked = ["--topics", topics, "--seeds", "6", "--count", "9", "--max-new-tokens", "160", "--cache", cache]
    return [*map(str, ["make-pkqa", out, "-o", f"model.path={model}", "-o", "engine.device=cpu", *asked]), *more]


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def made(model: Path, topics: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The questions of an uninterrupted run; its cache lies beside."""
    place = tmp_path_factory.mktemp("made")
    assert cli.main(words(place / "pkqa.jsonl", model, topics, place / "cache")) == 0
    return place / "pkqa.jsonl"


def test_the_model_writes_and_answers_its_questions(made: Path) -> None:
    found = rows(made)
    assert len(found) == 9
    assert [sum(row["topic"] == topic for row in found) for topic in pkqa_model.FACTS] == [3, 3, 3], "evenly over the topics"
    for row in found:
        assert set(row) == {"id", "topic", "question", "answer", "answers", "label", "greedy_pred_text", "declared"}
        assert row["label"] == "known"
        assert str(row["answer"]).lower() in str(row["greedy_pred_text"]).lower()
        assert len(str(row["answer"]).split()) <= 5
    facts = {question: answer for topic in pkqa_model.FACTS.values() for question, answer in topic.items()}
    assert sum(facts.get(str(row["question"])) == row["answer"] for row in found) >= 5, "most are what it was taught"


def test_the_card_says_what_they_are_made_of(made: Path, model: Path) -> None:
    card = json.loads(made.with_suffix(".card.json").read_text(encoding="utf-8"))
    counts = card["counts"]
    assert card["rows"] == 9
    assert card["model"]["path"] == str(model)
    assert re.fullmatch("[0-9a-f]{32}", card["model"]["digest"])
    assert {"commit", "versions", "seed", "judge", "requests", "verified"} <= set(card)
    assert (counts["requests"], counts["asked_for"]) == (18, 360)
    assert counts["candidates"] == counts["parsed"] - counts["too_long"] - counts["near_duplicates"]
    judged = ("answered_right", "answered_wrong", "declined", "unjudged")
    assert counts["candidates"] == sum(counts[name] for name in judged)
    for step in ("too_long", "near_duplicates", "answered_wrong"):
        assert counts[step] > 0, f"the test's model was taught what {step} is to drop"
    assert sum(card["answered_right_by_topic"].values()) == counts["answered_right"]
    assert set(card["drawn_by_topic"].values()) == {3}


def test_a_run_loads_them(made: Path) -> None:
    named = load("dataset", "pkqa", [f"dataset.path={made}"]).evaluation()["pkqa"]
    plain = Jsonl(eval=str(made)).evaluation()["pkqa"]
    for questions in (named, plain):
        assert [question.text for question in questions] == [row["question"] for row in rows(made)]
        assert [question.answers for question in questions] == [(row["answer"],) for row in rows(made)]
        assert {question.declared for question in questions} == {Label.CORRECT}


def test_a_second_run_does_no_work(
    made: Path, model: Path, topics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("honesty.stages.generate._load", lambda *_: pytest.fail("the model was loaded"))
    out = tmp_path / "again.jsonl"
    assert cli.main(words(out, model, topics, made.parent / "cache")) == 0
    assert out.read_bytes() == made.read_bytes()
    assert "generate" not in capsys.readouterr().err
    assert cli.main([*words(out, model, topics, made.parent / "cache"), "--count", "3", "--judge", "scripts"]) == 0
    assert len(rows(out)) == 3


def test_killed_it_goes_on(made: Path, model: Path, topics: Path, tmp_path: Path) -> None:
    cache, out = tmp_path / "cache", tmp_path / "pkqa.jsonl"
    command = [sys.executable, "-m", "honesty.cli", *words(out, model, topics, cache)]
    settings = {"cwd": ROOT, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings) as process:
        deadline = time.monotonic() + 120
        while not list(cache.glob("generate/*/record.json")) and time.monotonic() < deadline:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    finished = {path: path.stat().st_mtime_ns for path in cache.glob("generate/*/record.json")}
    assert 1 <= len(finished) < 7, "six rounds of requests and the answers"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **settings)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == made.read_bytes(), "as if it had never been killed"
    assert {path: path.stat().st_mtime_ns for path in finished} == finished, "nothing was asked again"
    assert len(list(cache.glob("generate/*/record.json"))) == 7


def test_bad_input_is_one_message_and_no_file(
    made: Path, model: Path, topics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "none.txt").write_text("\n")
    (tmp_path / "twice.txt").write_text("Cats\n\nCats\n")
    out = tmp_path / "out.jsonl"
    base = words(out, model, topics, made.parent / "cache")
    cases = [
        (["--count", "1000"], "questions are left, --count asks for 1,000"),
        (["--count", "0"], "--count must be at least 1"),
        (["--seeds", "0"], "seeds must lie in 1..10,000, not 0"),
        (["--topics", str(tmp_path / "none.txt")], "none.txt: there is no topic in it"),
        (["--topics", str(tmp_path / "twice.txt")], "twice.txt:3: the topic 'Cats' is already on line 1"),
        (["--topics", str(tmp_path / "nowhere.txt")], "nowhere.txt: cannot be read: No such file"),
        (["--judge", "nobody"], "no judge is called 'nobody'; there are"),
        (["-o", "model=nothing"], "no model is called 'nothing'; there are"),
        (["-o", "model.path=/nowhere/at/all"], "model.path=/nowhere/at/all: no such directory"),
        (["-o", "trainer.lr=1"], "-o trainer.lr=1: write KEY=VALUE"),
        (["-o", "model.rap=chat"], "model.rap"),
        (["--max-new-tokens", "4000"], "do not fit the model's window of 512"),
        (["--max-new-tokens", "4000"], "Here --max-new-tokens sets it"),
    ]
    for more, message in cases:
        code = cli.main([*base, *more])
        told = capsys.readouterr().err
        assert code == 2, told
        assert told.count("error:") == 1
        assert message in told, told
        assert not list(tmp_path.glob("out.*")), more
    code = cli.main(["make-pkqa", str(out)])
    assert code == 2
    assert "model.path: missing" in capsys.readouterr().err
    assert cli.main(["make-pkqa", str(tmp_path / "no" / "out.jsonl"), "-o", f"model.path={model}"]) == 2
    assert "make it first" in capsys.readouterr().err
