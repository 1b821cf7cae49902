"""A judge model end to end: train.py with a real engine on a tiny random model, which judges nothing that can be read."""

import json
from pathlib import Path
from typing import Any

import pytest
import zoo
from conftest import run_train

from honesty import cli
from honesty.engines import settings


def questions(path: Path, name: str) -> Path:
    rows = [{"id": f"{name}{i}", "question": f"What is {name} {i}?", "answers": [f"gold {i}"]} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return zoo.make("llama", tmp_path_factory.mktemp("zoo") / "model")


def test_a_run_whose_judge_says_nothing_readable_ends_with_bounds_and_a_rerun_sends_nothing(tiny: Path, tmp_path: Path) -> None:
    data = [f"dataset.{part}={questions(tmp_path / f'{part}.jsonl', part)}" for part in ("train", "eval")]
    judge = [f"judge.model.path={tiny}", "judge.model.prompt.wrap=raw", "judge.max_new_tokens=4", "judge=llm"]
    words = ["strategy=prompt_based", "model=hf", f"model.path={tiny}", "dataset=jsonl", *data, *judge, "logger=none"]
    words += ["probe.max_new_tokens=4", f"paths.outputs={tmp_path / 'out'}"]
    first = run_train(*words, f"hydra.run.dir={tmp_path / 'first'}")
    assert first.returncode == 0, first.stderr
    assert "judge llm, after, 3 questions of eval: 3 of 3 could not be judged: " in first.stderr
    assert "judge.again=true sends only" in first.stderr
    assert "{0.0, 100.0}" in first.stdout
    result = json.loads((tmp_path / "first" / "result.json").read_text())["evaluations"][0]
    assert (result["n"], result["unjudged"]) == (0, 3)
    for score in result["scores"].values():
        assert (score["value"], score["least"], score["most"]) == (None, 0.0, 1.0)
    assert "counted the least and the most favourable way" in (tmp_path / "first" / "index.html").read_text()
    again = run_train(*words, f"hydra.run.dir={tmp_path / 'again'}")
    assert "no work was done" in again.stderr
    assert "judge llm, after, 3 questions of eval: 3 of 3 could not be judged: " in again.stderr


def test_what_was_trained_on_a_probe_that_could_not_be_judged_says_so(tiny: Path, tmp_path: Path) -> None:
    data = [f"dataset.{part}={questions(tmp_path / f'{part}.jsonl', part)}" for part in ("train", "eval")]
    judge = [f"judge.model.path={tiny}", "judge.model.prompt.wrap=raw", "judge.max_new_tokens=4", "judge=llm"]
    words = ["model=hf", f"model.path={tiny}", "dataset=jsonl", *data, *judge, "logger=none", "probe.max_new_tokens=4"]
    words += ["probe.m=2", "trainer=lab_tiny", f"paths.outputs={tmp_path / 'out'}"]
    done = run_train(*words, "strategy=fine_tuned", f"hydra.run.dir={tmp_path / 'first'}")  # learns the gold answers
    assert done.returncode == 0, done.stderr
    said = "6 of 6 samples of the training questions could not be judged"
    assert done.stderr.index(said) < done.stderr.index("fit ")
    assert said in done.stdout
    (note,) = json.loads((tmp_path / "first" / "result.json").read_text())["evaluations"][0]["notes"]
    assert note.startswith(said)
    assert said in (tmp_path / "first" / "index.html").read_text()
    none = run_train(*words, "strategy=multisample", f"hydra.run.dir={tmp_path / 'second'}")
    assert none.returncode == 1
    assert "made no training row out of 3 questions" in none.stderr
    assert none.stderr.count(said) == 2  # as a note, and as the reason


def test_the_commands_take_a_judge_model_too(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": str(i), "question": "Q?", "answers": ["Rome"], "response": text} for i, text in enumerate(["Rome", "Oslo"])]
    path = tmp_path / "responses.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    model = ["-o", f"judge.model.path={tiny}", "-o", "judge.model.prompt.wrap=raw", "-o", "judge.max_new_tokens=4"]
    words = ["judge", str(path), str(tmp_path / "out.jsonl"), "--judge", "cascade", *model, "--cache", str(tmp_path / "cache")]
    assert cli.main(words) == 0
    verdicts = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["label"] for one in verdicts] == ["correct", None]
    assert "1 of 2 could not be judged" in capsys.readouterr().err


@pytest.mark.parametrize("metrics", [[], ["--metrics", "helpfulness"]], ids=["judge", "rater"])
def test_both_files_of_a_score_are_judged_by_a_model_that_is_loaded_once(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metrics: list[str]
) -> None:
    opened: list[str] = []
    open_it = settings.Hf.open

    def counted(self: settings.Hf, ref: Any, load: Any) -> Any:
        opened.append(ref.name)
        return open_it(self, ref, load)

    monkeypatch.setattr(settings.Hf, "open", counted)
    paths = []
    for name, answer in (("before", "Oslo"), ("after", "Bern")):
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_text(json.dumps({"id": "1", "question": "Q?", "answers": ["Rome"], "response": answer}) + "\n")
    place = "metrics.judge" if metrics else "judge"
    model = ["-o", f"{place}.model.path={tiny}", "-o", f"{place}.model.prompt.wrap=raw", "-o", f"{place}.max_new_tokens=4"]
    judge = metrics if metrics else ["--judge", "cascade"]
    assert cli.main(["score", *map(str, paths), *judge, *model, "--cache", str(tmp_path / "cache"), "--json"]) == 0
    assert len(opened) == 1
