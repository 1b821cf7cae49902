"""Where the training questions' knowledge comes from: a balanced draw, or a probe somebody has finished."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from honesty import config
from honesty.cache import Cache
from honesty.data.honestybench import HonestyBench
from honesty.data.records import read_knowledge, write_knowledge
from honesty.data.released import Released
from honesty.engines.scripted import Scripted
from honesty.specs import Probe, execution
from honesty.stages.generate import Engines
from honesty.stages.probe import adopt, apart, balanced, lacking, probe
from honesty.types import Answer, InputError, Knowledge, Label, ModelRef, Question, Verdict

BASE = ModelRef(name="base", path="nowhere", digest="base")
JUDGE = config.load("judge", "default")
LABELS = st.sampled_from([Label.CORRECT, Label.WRONG, Label.IDK, None])


def answered(label: Label | None) -> Answer:
    return Answer(text="x", verdict=Verdict(label=label, loosely_correct=label is Label.CORRECT, judge="t"))


def row(i: int, label: Label | None, *, model: str = "", text: str = "") -> Knowledge:
    question = Question(id=str(i), text=text or f"question {i}?", answers=("x",), source="t")
    return Knowledge(question=question, greedy=answered(label), samples=(answered(label),) * 2, model=model)


@given(labels=st.lists(LABELS, min_size=1, max_size=40), count=st.integers(2, 30), seed=st.integers(0, 3))
def test_a_balanced_draw_is_half_known_and_half_unknown(labels: list[Label | None], count: int, seed: int) -> None:
    if not any(labels):
        with pytest.raises(InputError, match="not one of"):
            balanced([answered(label) for label in labels], count, seed)
        return
    chosen = balanced([answered(label) for label in labels], count, seed)
    assert chosen == sorted(set(chosen))
    assert chosen == balanced([answered(label) for label in labels], count, seed)
    known = sum(labels[i] is Label.CORRECT for i in chosen)
    unknown = sum(labels[i] in (Label.WRONG, Label.IDK) for i in chosen)
    assert known + unknown == len(chosen)  # never an unjudged one
    assert known == min(count // 2, labels.count(Label.CORRECT))
    assert unknown == min(count - count // 2, labels.count(Label.WRONG) + labels.count(Label.IDK))


def test_seeds_draw_other_questions_and_every_question_has_a_chance() -> None:
    greedy = [answered(Label.CORRECT if i % 4 == 0 else Label.WRONG) for i in range(40)]
    draws = [tuple(balanced(greedy, 8, seed)) for seed in range(60)]
    assert len(set(draws)) > 50
    assert set(Counter(i for draw in draws for i in draw)) == set(range(40))


def test_too_few_of_one_kind_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    unmet: dict[str, str] = {}
    assert len(balanced([answered(Label.WRONG)] * 10, 8, 0, unmet.__setitem__)) == 4
    assert unmet == {"probe.balance=8": "0 known and 4 unknown questions"}
    said = " ".join(capsys.readouterr().err.split())
    assert "probe.balance=8 wants 4 known and 4 unknown questions; there are 0 and 10" in said


def test_nothing_is_unmet_where_there_are_enough(tmp_path: Path) -> None:
    greedy = [answered(label) for label in [Label.WRONG, Label.IDK, Label.CORRECT, Label.CORRECT, None]]
    assert balanced(greedy, 4, 0, lambda *told: pytest.fail(f"{told}")) == [0, 1, 2, 3]


@dataclass(frozen=True)
class Settings:
    engine: Any = execution(None)

    def open(self, ref: ModelRef, load: Any) -> Scripted:
        return self.engine  # type: ignore[no-any-return]


def test_only_drawn_questions_are_sampled(tmp_path: Path) -> None:
    questions = [Question(id=str(i), text=f"number {i}?", answers=(f"answer{i}",), source="t") for i in range(20)]

    def script(prompt: str, index: int) -> str:
        number = int(prompt.split("number ")[1].split("?")[0])
        return f"answer{number}" if number < 12 else "no"

    engine = Scripted(script)
    settings = Probe(m=3, balance=6)
    artifact = probe(Cache(root=tmp_path), Engines(Settings(engine=engine)), BASE, questions, settings, JUDGE)
    rows = read_knowledge(artifact.path / "knowledge.jsonl", model="base")
    assert [one.greedy.verdict.label for one in rows].count(Label.CORRECT) == 3
    assert len(rows) == 6
    assert all(len(one.samples) == 3 for one in rows)
    assert engine.asked == 20 + 6  # prompts: every question once, the drawn ones again
    more = replace(settings, balance=8)
    again = probe(Cache(root=tmp_path), Engines(Settings(engine=engine)), BASE, questions, more, JUDGE)
    assert again.digest != artifact.digest
    assert engine.asked == 20 + 6 + 8  # the greedy answers are there


def test_a_finished_probe_is_taken_as_speaking_of_the_model(tmp_path: Path) -> None:
    authors = {
        "question": "Who?",
        "gold_answer": "Ann",
        "greedy_pred_text": "Ann.",
        "greedy_label": "known",
        "sampling_pred_text": ["Ann.", "Bob."],
        "sampling_labels": ["known", "unknown"],
        "sampling_knowns": 1,
    }
    path = tmp_path / "triviaqa_13b.jsonl"
    path.write_text(json.dumps(authors) + "\n")
    settings = Released(path=str(path))
    finished = settings.finished()
    cache = Cache(root=tmp_path / "cache")
    artifact = adopt(cache, BASE, finished, settings)
    (one,) = read_knowledge(artifact.path / "knowledge.jsonl", model="base")
    assert one.knowns == 1
    assert one.model == "base"
    assert adopt(cache, replace(BASE, digest="other"), finished, settings).digest != artifact.digest
    mine = tmp_path / "mine.jsonl"
    write_knowledge(mine, [row(1, Label.CORRECT, model="base")])
    assert adopt(cache, BASE, Released(path=str(mine)).finished(), settings).path.is_dir()
    with pytest.raises(InputError, match="speaks of model base, not of"):
        adopt(cache, replace(BASE, digest="other"), Released(path=str(mine)).finished(), settings)


def test_an_unjudged_answer_is_not_counted_as_unknown(tmp_path: Path) -> None:
    rows = [row(1, Label.CORRECT), row(2, Label.WRONG), row(3, Label.IDK), row(4, None)]
    probed = adopt(Cache(root=tmp_path), BASE, rows, Probe())
    counts = {"questions": 4, "known": 1, "unknown": 2, "unjudged": 1, "samples": 8, "samples_unjudged": 2}
    assert probed.record["counts"] == counts
    assert lacking(probed).startswith("2 of 8 samples of the training questions could not be judged: ")
    assert lacking(adopt(Cache(root=tmp_path), BASE, rows[:3], Probe())) == ""


def test_what_would_stop_the_run_later_stops_it_before_the_model_is_opened(tmp_path: Path) -> None:
    def refuse(ref: ModelRef) -> None:
        raise InputError(f"{ref.name} does not fit")

    engines = Engines(Settings(engine=Scripted(lambda prompt, index: "x")), ahead=refuse)
    questions = [row(i, None).question for i in range(4)]
    with pytest.raises(InputError, match="base does not fit"):
        probe(Cache(root=tmp_path), engines, BASE, questions, Probe(m=2), JUDGE)
    engines.ahead = None
    probe(Cache(root=tmp_path), engines, BASE, questions, Probe(m=2), JUDGE)
    engines.ahead = refuse  # found in the cache, or open already: nobody is asked
    probe(Cache(root=tmp_path), engines, BASE, questions, Probe(m=2), JUDGE)


def test_a_finished_probe_can_be_balanced(tmp_path: Path) -> None:
    rows = [row(i, Label.CORRECT if i < 3 else Label.WRONG) for i in range(12)]
    path = tmp_path / "k.jsonl"
    write_knowledge(path, rows)
    settings = Released(path=str(path), balance=4)
    artifact = adopt(Cache(root=tmp_path / "cache"), BASE, settings.finished(), settings)
    labels = [one.greedy.verdict.label for one in read_knowledge(artifact.path / "knowledge.jsonl")]
    assert Counter(labels) == {Label.CORRECT: 2, Label.WRONG: 2}


def test_evaluation_questions_leave_a_finished_probe(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row(1, Label.CORRECT, text="Who wrote Emma?"), row(2, Label.WRONG)]
    evaluation = {"held": [Question(id="e", text="who wrote  EMMA", answers=("x",), source="t")]}
    assert apart(rows, evaluation) == rows[1:]
    assert "1 questions of the finished probe are in held too" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="none is left"):
        apart(rows[:1], evaluation)


def test_a_missing_file_is_met_before_any_work() -> None:
    with pytest.raises(InputError, match=r"nowhere\.jsonl: no such file"):
        config.load("probe", "released", ["probe.path=nowhere.jsonl"])


def bench_row(**changes: Any) -> dict[str, Any]:
    row = {
        "question": "Who wrote Emma?",
        "answer": ["Jane Austen", "Austen"],
        "greedy_response": ["Jane Austen."],
        "greedy_correctness": 1,
        "sampling_response": ["Austen", "Bronte", "Jane"],
        "sampling_correctness": [1, 0, 0],
    }
    return {**row, **changes}


def bench(tmp_path: Path, *rows: dict[str, Any]) -> HonestyBench:
    path = tmp_path / "bench.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return HonestyBench(path=str(path), balance=None)


def test_honestybench_is_a_finished_probe(tmp_path: Path) -> None:
    one, two = bench(tmp_path, bench_row(), bench_row(question="And Ulysses?", greedy_correctness=0)).finished()
    assert one.question.answers == ("Jane Austen", "Austen")
    assert one.greedy.text == "Jane Austen."
    assert (one.greedy.verdict.label, two.greedy.verdict.label) == (Label.CORRECT, Label.WRONG)
    assert (one.knowns, one.expected_accuracy) == (1, 1 / 3)
    assert one.question.id != two.question.id
    artifact = adopt(Cache(root=tmp_path / "cache"), BASE, [one, two], Probe())
    assert len(read_knowledge(artifact.path / "knowledge.jsonl", model="base")) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_correctness": [1, 0]}, "a list of 3 marks"),
        ({"greedy_correctness": 2}, "0 or 1"),
        ({"greedy_response": []}, '"greedy_response" must be a string'),
        ({"answer": []}, "empty list"),
    ],
)
def test_a_row_of_honestybench_that_is_not_as_its_card_says(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        bench(tmp_path, bench_row(**changes)).finished()


def test_honestybench_without_a_column(tmp_path: Path) -> None:
    row = bench_row()
    del row["greedy_correctness"]
    with pytest.raises(InputError, match="no column is called 'greedy_correctness'"):
        bench(tmp_path, row).finished()


def test_questions_that_come_on_top_are_never_drawn_from(tmp_path: Path) -> None:
    own = [Question(id=str(i), text=f"number {i}?", answers=(f"answer{i}",), source="t") for i in range(20)]
    top = [Question(id=f"m{i}", text=f"number {i}!", answers=("none",), source="mmlu") for i in range(5)]

    def script(prompt: str, index: int) -> str:
        number = int("".join(c for c in prompt.split("number ")[1] if c.isdigit()))
        return f"answer{number}" if number < 12 else "no"

    engines, settings = Engines(Settings(engine=Scripted(script))), Probe(m=3, balance=6)
    artifact = probe(Cache(root=tmp_path), engines, BASE, [*own, *top], settings, JUDGE, ["mmlu"])
    rows = read_knowledge(artifact.path / "knowledge.jsonl", model="base")
    assert [one.question.source for one in rows] == ["t"] * 6 + ["mmlu"] * 5
    assert [one.greedy.verdict.label for one in rows[:6]].count(Label.CORRECT) == 3
