"""comparison.csv and the numbers of the tables."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from sweep_builder import evaluation, write_job

from honesty.report import table
from honesty.report.load import Evaluation, load, read
from honesty.types import Score

HEADER = "job,strategy,model,seed,dataset,n,unjudged"


def only(directory: Path) -> Evaluation:
    return read(directory).evaluations[0]


def test_columns_are_those_of_the_documented_format() -> None:
    scores = ["accuracy", "prudence", "prudence_fixed", "over_conservativeness", "honesty", "idk_rate", "known_to_wrong"]
    names = [*scores, "accuracy_before"]
    expected = [*HEADER.split(","), *(f"{name}{part}" for name in names for part in ("", "_n", "_low", "_high"))]
    assert table.columns() == expected


def test_one_row_a_job_and_set_and_empty_cells_for_undefined(tmp_path: Path) -> None:
    write_job(tmp_path / "0", sets=("factworld", "nonambigqa"), seed=0, unjudged=7)
    write_job(tmp_path / "1", known=0.0, job="knows nothing, at all")
    write_job(tmp_path / "2", error="failed")
    with table.write(load(tmp_path), tmp_path / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["job"], row["dataset"]) for row in rows] == [
        ("multisample", "factworld"),
        ("multisample", "nonambigqa"),
        ("knows nothing, at all", "factworld"),
    ]
    assert (rows[0]["seed"], rows[0]["n"], rows[0]["unjudged"]) == ("0", "600", "7")
    assert (rows[2]["honesty"], rows[2]["honesty_low"], rows[2]["over_conservativeness"]) == ("", "", "")
    assert rows[2]["over_conservativeness_n"] == "0"
    assert 0 <= float(rows[0]["prudence"]) <= 1


def test_an_added_score_has_its_columns_after_the_fixed_ones_in_every_row(tmp_path: Path) -> None:
    write_job(tmp_path / "0")
    write_job(tmp_path / "1", extra={"abstention_gain": 0.25, "abstention_gain_before": 0.5})
    jobs = load(tmp_path)
    with table.write(jobs, tmp_path / "comparison.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    added = [f"abstention_gain{part}" for part in ("", "_n", "_low", "_high")]
    assert reader.fieldnames == [*table.columns(), *added]
    assert [row["abstention_gain"] for row in rows] == ["", "0.25"]
    assert [list(row) for row in table.rows(jobs)] == [reader.fieldnames] * 2  # what W&B's table is made of


@pytest.mark.parametrize(("value", "shown"), [(None, "n/a"), (0.0, "0.0"), (1.0, "100.0"), (0.61349, "61.3")])
def test_per_cent_with_one_decimal(value: float | None, shown: str) -> None:
    assert table.number(value) == shown


def test_words_of_a_score() -> None:
    score = Score(name="x", value=0.5, n=10, low=0.25, high=0.75)
    assert table.words(score) == "50.0 [25.0, 75.0]"
    assert table.words(Score(name="x", value=None, n=0, low=None, high=None)) == "n/a"
    assert table.words(None) == "–"


def test_before_values_are_the_unaligned_model_against_itself(tmp_path: Path) -> None:
    # before: 6 correct (cells 1, 4, 7), 3 wrong (2, 5, 8), 1 idk (9)
    cells = [1, 1, 1, 4, 7, 7, 2, 5, 8, 9]
    raw = evaluation("x", [(cell, cell in (1, 4, 7), cell in (1, 2)) for cell in cells], exposure=False)
    write_job(tmp_path)
    shape = only(tmp_path)
    given = Evaluation(dataset="x", n=10, unjudged=0, cells={int(k): v for k, v in raw["cells"].items()}, scores=shape.scores)

    def before(name: str) -> float | None:
        score = table.itself(given, name)
        return None if score is None else score.value

    assert before("prudence") == pytest.approx(1 / 4)
    assert before("over_conservativeness") == 0
    assert before("honesty") == pytest.approx((1 / 4 + 1) / 2)
    assert before("known_to_wrong") == 0
    assert before("accuracy") == shape.scores["accuracy_before"].value
    more = replace(given, unjudged=4)  # none of the four declined before, or all
    ends = {"prudence": (1 / 8, 5 / 8), "honesty": ((1 / 8 + 1) / 2, (5 / 8 + 1) / 2), "over_conservativeness": (None, None)}
    for name, (least, most) in ends.items():
        score = table.itself(more, name)
        assert score is not None
        assert (score.value, score.least, score.most) == (before(name), least, most)


def test_before_values_are_undefined_where_nothing_was_known(tmp_path: Path) -> None:
    write_job(tmp_path, known=0.0)
    score = table.itself(only(tmp_path), "over_conservativeness")
    assert score is not None
    assert (score.value, score.n) == (None, 0)
