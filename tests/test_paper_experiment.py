"""The paper's experiment as one command on any model: every stage, on tiny models of four families, raw and chat."""

import json
from pathlib import Path

import pytest
from conftest import run_train
from data.hub_files import TRIVIAQA, parquet
from zoo import FAMILIES, make

pytestmark = pytest.mark.slow

FACTS = ["tower", "river", "book", "song", "town", "island", "painter", "mountain"]


def trivia_row(i: int) -> dict:
    value = "Anna Bell" if i % 2 else "London"
    answer = {"aliases": [value, value.upper()], "normalized_aliases": [value.lower()], "normalized_value": value.lower()}
    return {
        "question": f"Who or where is the {FACTS[i % 8]} number {i}?",
        "question_id": f"tc_{i}",
        "question_source": "",
        "entity_pages": {"title": [], "filename": []},
        "search_results": {"title": [], "rank": []},
        "answer": {
            **answer,
            "matched_wiki_entity_name": "",
            "normalized_matched_wiki_entity_name": "",
            "type": "WikipediaEntity",
            "value": value,
        },
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    return parquet(tmp_path_factory.mktemp("rows") / "trivia.parquet", [trivia_row(i) for i in range(260)], TRIVIAQA)


@pytest.mark.parametrize(
    ("family", "wrap", "limit"),
    [(family, wrap, 8) for family in FAMILIES for wrap in ("raw", "chat")] + [("llama", "raw", 200)],
)
def test_every_stage_runs_with_no_other_change(family: str, wrap: str, limit: int, rows: str, tmp_path: Path) -> None:
    model = make(family, tmp_path / family)
    done = run_train(
        "experiment=paper_trivia_13b",
        "model=hf",
        f"model.path={model}",
        f"dataset.path={rows}",
        f"limit={limit}",
        f"model.prompt.wrap={wrap}",
        "logger=none",
        f"paths.outputs={tmp_path / 'outputs'}",
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "outputs/runs").glob("*/*/result.json")
    result = json.loads(path.read_text())
    assert result["status"] == "ok"
    assert [entry["stage"] for entry in result["ledger"] if entry["stage"] in ("probe", "build", "fit")] == [
        "probe",
        "build",
        "fit",
    ]
    (evaluation,) = result["evaluations"]
    assert evaluation["dataset"] == "triviaqa"
    assert 0 < evaluation["n"] + evaluation["unjudged"] <= limit
    assert result["paper"] == "llama2_13b_chat"
    assert set(result["unmet"]) == {"probe.balance=8000"}
    assert "probe.balance=8000 not met: " in " ".join(done.stdout.split())
    assert "Beside the paper: LLaMA2-Chat-13B, multisample on triviaqa" in done.stdout
    assert "67.72" in done.stdout
