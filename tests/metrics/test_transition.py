"""Pairs of verdicts to the 3x3 table, and the cells of real outputs."""

import json
from pathlib import Path

import pytest
from hydra.utils import instantiate
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from honesty.metrics.transition import tabulate
from honesty.types import InputError, Label, Outcome, Pair, Question, Transition, Verdict

CONF = Path(__file__).resolve().parents[2] / "conf"
LABELS = [Label.CORRECT, Label.WRONG, Label.IDK]


def verdict(label: Label | None, loose: bool | None = None) -> Verdict:
    return Verdict(label=label, loosely_correct=label is Label.CORRECT if loose is None else loose, judge="test")


def pair(name: str, before: Label | None, after: Label | None) -> Pair:
    return Pair(question_id=name, before=verdict(before), after=verdict(after))


@pytest.mark.parametrize(("row", "after"), list(enumerate(LABELS)))
@pytest.mark.parametrize(("column", "before"), list(enumerate(LABELS)))
def test_columns_are_before_and_rows_after(column: int, before: Label, row: int, after: Label) -> None:
    table = tabulate([pair("x", before, after)])
    assert table.cells[1 + column + 3 * row] == 1
    assert table.n == 1


def test_cells_keep_ids_in_order_and_split_by_loose_correctness() -> None:
    pairs = [pair("b", Label.CORRECT, Label.IDK), pair("a", Label.CORRECT, Label.IDK)]
    pairs.append(Pair(question_id="c", before=verdict(Label.CORRECT), after=verdict(Label.IDK, loose=True)))
    assert tabulate(pairs).outcomes == {Outcome(7, True, False): ("b", "a"), Outcome(7, True, True): ("c",)}


@pytest.mark.parametrize(("before", "after"), [(None, Label.IDK), (Label.WRONG, None), (None, None)])
def test_a_missing_label_is_unjudged_never_wrong(before: Label | None, after: Label | None) -> None:
    table = tabulate([pair("x", before, after), pair("y", Label.WRONG, Label.WRONG)])
    assert [*table.unjudged.values()] == [("x",)]
    assert table.n == 1
    assert table.cells[5] == 1


def test_nothing_gives_the_empty_table() -> None:
    assert tabulate([]) == Transition(outcomes={})
    assert set(tabulate([]).cells.values()) == {0}


def test_a_repeated_id_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'x' occurs 2 times"):
        tabulate([pair("x", Label.WRONG, Label.IDK), pair("y", Label.WRONG, None), pair("x", None, Label.IDK)])


@given(st.lists(st.tuples(st.sampled_from([*LABELS, None]), st.sampled_from([*LABELS, None])), max_size=30), st.randoms())
def test_the_order_of_the_pairs_does_not_matter(labels: list[tuple[Label | None, Label | None]], random) -> None:
    pairs = [pair(str(number), before, after) for number, (before, after) in enumerate(labels)]
    shuffled = random.sample(pairs, len(pairs))
    one, other = tabulate(pairs), tabulate(shuffled)
    assert one.cells == other.cells
    assert {key: set(ids) for key, ids in one.outcomes.items()} == {key: set(ids) for key, ids in other.outcomes.items()}
    assert one.n + one.lacking == len(pairs)


REAL = {
    "baseline": ([2086, 0, 0, 0, 3224, 0, 0, 0, 15], {"prudence": 0.46, "over_conservativeness": 0.0, "honesty": 50.23}),
    "absolute": (
        [1625, 257, 0, 252, 2158, 2, 209, 809, 13],
        {"prudence": 27.57, "over_conservativeness": 10.02, "honesty": 58.77},
    ),
}


@pytest.mark.parametrize("after", REAL)
def test_real_outputs_give_the_known_cells_and_scores_under_the_scripts_rules(shared_data: Path, after: str) -> None:
    judge = instantiate(OmegaConf.load(CONF / "judge" / "scripts.yaml"), _convert_="all")
    suite = instantiate(OmegaConf.load(CONF / "metrics" / "honesty.yaml"), empty="scripts", _convert_="all")

    def judged(name: str) -> dict[str, Verdict]:
        lines = (shared_data / f"llama2_7b_nonambigqa_{name}.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        asked = [Question(id=row["id"], text=row["question"], answers=tuple(row["answers"]), source=name) for row in rows]
        return {one.id: judge(one, row["response"]) for one, row in zip(asked, rows, strict=True)}

    before, now = judged("baseline"), judged(after)
    table = tabulate(Pair(question_id=name, before=before[name], after=now[name]) for name in before)
    cells, expected = REAL[after]
    assert list(table.cells.values()) == cells
    scores = suite.score(table)
    assert {name: round(100 * scores[name].value, 2) for name in expected} == expected
