"""Helpfulness and harmlessness as a user runs them: train.py and `honesty score`, a real engine on a tiny random model."""

import json
from pathlib import Path

import pytest
import zoo
from conftest import run_train

from honesty import cli


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.make("llama", tmp_path_factory.mktemp("zoo") / "model")


def rows(path: Path, made: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


@pytest.fixture
def words(tiny: Path, tmp_path: Path) -> list[str]:
    parts = {
        part: rows(tmp_path / f"{part}.jsonl", [{"id": part, "question": f"What is {part}?", "answers": ["x"]}])
        for part in ("train", "eval")
    }
    data = ["dataset=jsonl", *(f"dataset.{part}={path}" for part, path in parts.items())]
    paths = [f"model.path={tiny}", f"paths.outputs={tmp_path / 'out'}"]
    return ["strategy=prompt_based", "model=hf", *paths, *data, "logger=csv"]


def test_train_rates_a_file_of_prompts_and_a_rerun_does_no_work(words: list[str], tiny: Path, tmp_path: Path) -> None:
    prompts = rows(
        tmp_path / "queries.jsonl", [{"prompt": f"Write about thing {i}.", "category": "ab"[i % 2]} for i in range(3)]
    )
    words += [
        "metrics=helpfulness",
        f"metrics.prompts={prompts}",
        "metrics.max_new_tokens=8",
        f"metrics.judge.model.path={tiny}",
    ]
    words += ["metrics.judge.model.prompt.wrap=raw", "metrics.judge.max_new_tokens=4"]
    first = run_train(*words, f"hydra.run.dir={tmp_path / 'first'}")
    assert first.returncode == 0, first.stderr
    assert "could not be judged" in first.stderr
    found = json.loads((tmp_path / "first" / "result.json").read_text())
    evaluation = found["evaluations"][0]
    assert (evaluation["dataset"], evaluation["cells"], evaluation["n"] + evaluation["unjudged"]) == ("queries", {}, 3)
    assert evaluation["scores"]["helpfulness"]["unit"] == "points"
    assert [row["helpfulness"]["unjudged"] + row["n"] for row in evaluation["slices"]["category"]] == [2, 1]
    assert all(sample["before"] == sample["after"] for sample in evaluation["samples"]), "one model, and no prompt around"
    assert "3 more unjudged" in " ".join(first.stdout.split())
    assert "rated before" in (tmp_path / "first" / "ratings.csv").read_text()
    again = run_train(*words, f"hydra.run.dir={tmp_path / 'again'}")
    assert "no work was done" in again.stderr
    fewer = run_train(*words, "limit=2", f"hydra.run.dir={tmp_path / 'fewer'}")
    assert json.loads((tmp_path / "fewer" / "result.json").read_text())["evaluations"][0]["unjudged"] == 2, fewer.stderr


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (["metrics.prompts=gone.jsonl"], "metrics.judge.model.path: missing: give it a value on the command line"),
        (["metrics.judge.model.path=x"], "metrics.prompts: missing: helpfulness rates the responses to prompts; give a file"),
        (["metrics.judge.model.path=x", "metrics.prompts=gone.jsonl"], "gone.jsonl: no such file"),
    ],
)
def test_what_is_missing_is_one_message_before_any_work(words: list[str], more: list[str], reason: str) -> None:
    done = run_train(*words, "metrics=helpfulness", *more)
    assert done.returncode == 2
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("suite", ["helpfulness", "harmlessness"])
def test_score_rates_two_files_of_responses(suite: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = rows(tmp_path / "a.jsonl", [{"id": "1", "prompt": "Hi", "response": "Hello"}])
    after = rows(tmp_path / "b.jsonl", [{"id": "1", "question": "Hi", "answers": ["x"], "response": "No"}])
    model = [f"metrics.judge.model.path={tiny}", "metrics.judge.model.prompt.wrap=raw", "metrics.judge.max_new_tokens=4"]
    asked = ["--metrics", suite, "--cache", str(tmp_path / "cache"), *(word for each in model for word in ("-o", each))]
    assert cli.main(["score", str(before), str(after), *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    name = "helpfulness" if suite == "helpfulness" else "unsafe"
    assert (found["cells"], found["unjudged"]) == ({}, 1)
    assert found["scores"][name]["value"] is None
    assert found["scores"][name]["most"] > found["scores"][name]["least"]
    assert cli.main(["score", str(before), str(after), *asked]) == 0
    assert "0 prompts, 1 more unjudged" in capsys.readouterr().out
    other = rows(tmp_path / "c.jsonl", [{"id": "2", "prompt": "Hi", "response": "Hello"}])
    assert cli.main(["score", str(before), str(other), *asked]) == 2
    assert "are not in the other file" in capsys.readouterr().err
    assert cli.main(["score", str(before), str(after), "--metrics", suite, "--judge", "wide"]) == 2
    assert "has a judge of its own" in capsys.readouterr().err


def test_score_breaks_rated_responses_down_by_their_kind(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [{"id": str(at), "prompt": "Hi", "response": "Hello", "category": "ab"[at % 2]} for at in range(3)]
    sides = [str(rows(tmp_path / "a.jsonl", made)), str(rows(tmp_path / "b.jsonl", [{**row, "category": "c"} for row in made]))]
    model = [f"metrics.judge.model.path={tiny}", "metrics.judge.model.prompt.wrap=raw", "metrics.judge.max_new_tokens=4"]
    asked = ["--metrics", "helpfulness", "--cache", str(tmp_path / "cache"), *(word for each in model for word in ("-o", each))]
    assert cli.main(["score", *sides, *asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["slice"], row["n"]) for row in found["slices"]["category"]] == [("a", 0), ("b", 0)], "as the first file has it"
    assert found["slices"]["category"][0]["helpfulness"] == {
        "value": None,
        "n": 0,
        "low": None,
        "high": None,
        "least": 1.0,
        "most": 10.0,
    }
    assert cli.main(["score", *sides, *asked]) == 0
    assert "by category" in capsys.readouterr().out


def test_score_judges_by_any_judge(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def responses(name: str, *texts: str) -> str:
        made = [{"id": str(i), "question": "Q?", "answers": ["Rome"], "response": text} for i, text in enumerate(texts)]
        return str(rows(tmp_path / name, made))

    # an abstention that only the wide judge knows
    sides = [responses("a.jsonl", "Rome", "Oslo"), responses("b.jsonl", "Rome", "I don't have any information about that.")]
    cells = {}
    for judge in ("default", "wide"):
        assert cli.main(["score", *sides, "--judge", judge, "--json"]) == 0
        cells[judge] = json.loads(capsys.readouterr().out)["cells"]
    assert (cells["default"]["5"], cells["wide"]["8"]) == (1, 1)
    model = [f"judge.model.path={tiny}", "judge.model.prompt.wrap=raw", "judge.max_new_tokens=4"]
    asked = ["--judge", "cascade", "--cache", str(tmp_path / "cache"), *(word for each in model for word in ("-o", each))]
    assert cli.main(["score", *sides, *asked, "--json"]) == 0
    found = capsys.readouterr()
    assert json.loads(found.out)["unjudged"] == 1
    assert "could not be judged" in found.err
    assert cli.main(["score", *sides, "--judge", "cascade"]) == 2
    assert "judge.model.path: missing" in capsys.readouterr().err
    assert cli.main(["score", *sides, "--judge", "none"]) == 2
    assert "no judge is called 'none'" in capsys.readouterr().err
