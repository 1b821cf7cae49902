"""What `result.json` holds, as flat rows for a tracker."""

from collections.abc import Mapping
from typing import Any

SAMPLE_COLUMNS = ("dataset", "id", "cell", "question", "answers", "before", "after")
CELL_COLUMNS = ("dataset", "after", "before correct", "before wrong", "before idk")
SCORE_COLUMNS = ("dataset", "score", "value", "n", "low", "high", "unjudged")


def score_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """One row a score and evaluation set."""
    return [
        [evaluation["dataset"], name, *(score[key] for key in ("value", "n", "low", "high", "unjudged"))]
        for evaluation in result.get("evaluations", ())
        for name, score in evaluation["scores"].items()
        if score is not None
    ]


def cell_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    """The 3x3 table of each evaluation set: one row a label after alignment."""
    return [
        [evaluation["dataset"], after, *(evaluation["cells"][str(3 * row + column)] for column in (1, 2, 3))]
        for evaluation in result.get("evaluations", ())
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
            flat |= {f"{prefix}{name}_{part}": score[part] for part in ("n", "low", "high")}
    return flat
