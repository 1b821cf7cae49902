"""MULTISAMPLE against paper.md section 3."""

from hypothesis import given
from hypothesis import strategies as st
from knowledge_builder import answer, knowledge

from honesty.config import load
from honesty.prompts import IDK
from honesty.strategies.multisample import Multisample
from honesty.types import Knowledge


def test_each_sample_verbatim_or_idk_in_order() -> None:
    rows = list(load("strategy", "multisample")(knowledge("c", "wccwi")))
    assert [row.response for row in rows] == [IDK, "Sample 1.", "Sample 2.", IDK, IDK]
    assert {(row.question_id, row.weight) for row in rows} == {("q1", 1.0)}


def test_duplicates_stay() -> None:
    base = knowledge("w", "")
    samples = tuple(answer(mark, " Same ") for mark in "ccwc")
    rows = Multisample()(Knowledge(question=base.question, greedy=base.greedy, samples=samples))
    assert [row.response for row in rows] == [" Same ", " Same ", IDK, " Same "]


def test_unjudged_samples_give_no_row() -> None:
    assert [row.response for row in Multisample()(knowledge("c", "?c?w"))] == ["Sample 1.", IDK]


@given(st.sampled_from("cwi?"), st.text("cwi", max_size=20))
def test_m_rows_of_which_knowns_answer(greedy: str, samples: str) -> None:
    one = knowledge(greedy, samples)
    rows = list(Multisample()(one))
    assert len(rows) == len(samples)
    assert [row.response != IDK for row in rows] == [mark == "c" for mark in samples]
    assert sum(row.response != IDK for row in rows) == one.knowns
