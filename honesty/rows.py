"""What `result.json` holds, as flat rows for a tracker, and the tracker that writes them as CSV files."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

SAMPLE_COLUMNS = ("dataset", "id", "cell", "question", "answers", "before", "after")
CELL_COLUMNS = ("dataset", "after", "before correct", "before wrong", "before idk")
RATING_COLUMNS = ("dataset", "id", "prompt", "before", "rated before", "after", "rated after")
SCORE_COLUMNS = ("dataset", "score", "value", "n", "low", "high", "unjudged", "least", "most")


def score_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """One row a score and evaluation set."""
    return [
        [evaluation["dataset"], name, *(score.get(key) for key in SCORE_COLUMNS[2:])]
        for evaluation in result.get("evaluations", ())
        for name, score in evaluation["scores"].items()
        if score is not None
    ]


def cell_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """The 3x3 table of each evaluation set: one row a label after alignment; none where responses are rated."""
    return [
        [evaluation["dataset"], after, *(evaluation["cells"][str(3 * row + column)] for column in (1, 2, 3))]
        for evaluation in result.get("evaluations", ())
        if evaluation["cells"]
        for row, after in enumerate(("correct", "wrong", "idk"))
    ]


def sample_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """One row a sample response."""
    return [
        [
            evaluation["dataset"],
            str(sample["id"]),
            sample["cell"],
            sample["question"],
            "; ".join(sample["answers"]),
            sample["before"],
            sample["after"],
        ]
        for evaluation in result.get("evaluations", ())
        if evaluation["cells"]
        for sample in evaluation.get("samples", ())
    ]


def rating_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """One row a sample response that a judge model rated."""
    keys = ("id", "question", "before", "rating_before", "after", "rating_after")
    return [
        [evaluation["dataset"], *(sample[key] for key in keys)]
        for evaluation in result.get("evaluations", ())
        if not evaluation["cells"]
        for sample in evaluation.get("samples", ())
    ]


def summary(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """One evaluation set as flat names and numbers: "factworld/honesty", "factworld/honesty_low", "factworld/cell_7"."""
    prefix = f"{evaluation['dataset']}/"
    flat = {f"{prefix}n": evaluation["n"], f"{prefix}unjudged": evaluation["unjudged"]}
    flat |= {f"{prefix}cell_{cell}": count for cell, count in evaluation["cells"].items()}
    for name, score in evaluation["scores"].items():
        if score is not None:
            flat[f"{prefix}{name}"] = score["value"]
            parts = ("n", "low", "high", *(("least", "most") if evaluation["unjudged"] else ()))
            flat |= {f"{prefix}{name}_{part}": score.get(part) for part in parts}
    return flat


class CsvFiles:
    """CSV files of one job."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def curve(self, name: str, rows: Iterable[Mapping[str, float]]) -> None:
        rows = list(rows)
        columns = list(dict.fromkeys(["step", *(key for row in rows for key in row)]))
        self._write(f"curve_{name}.csv", columns, ([row.get(key) for key in columns] for row in rows))

    def live(self, name: str, step: int, values: Mapping[str, float]) -> None:
        pass

    def result(self, result: Mapping[str, Any]) -> None:
        self._write("scores.csv", SCORE_COLUMNS, score_rows(result))
        self._write("cells.csv", CELL_COLUMNS, cell_rows(result))
        self._write("samples.csv", SAMPLE_COLUMNS, sample_rows(result))
        if rated := rating_rows(result):
            self._write("ratings.csv", RATING_COLUMNS, rated)

    def finish(self, exit_code: int) -> None:
        pass

    def _write(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with (self._directory / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)
