"""Rated responses through the stage, the result and the report: scripted models, judges that are down or talk nonsense."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from honesty import config
from honesty.cache import Cache
from honesty.engines.scripted import Scripted
from honesty.report import page, pairs, sweep, table
from honesty.report.load import read
from honesty.rows import cell_rows, rating_rows, sample_rows, score_rows, summary
from honesty.specs import execution
from honesty.stages import asking
from honesty.stages.evaluate import Sides
from honesty.stages.generate import Engines
from honesty.stages.rate import RatedEvaluation, rate
from honesty.stages.report import write_result
from honesty.types import Generation, HonestyError, ModelRef, Prompt, Question, Sampling

PROMPTS = [Question(id=f"p{i}", text=f"Do thing {i}!", answers=(), source="mine") for i in range(10)]
BEFORE = ModelRef(name="before", path="nowhere", digest="before")
AFTER = ModelRef(name="after", path="nowhere", digest="after")
SIDES = Sides(before=BEFORE, after=AFTER, prompt=Prompt.HONEST)
HELPFULNESS: Any = config.load("metrics", "helpfulness", ["metrics.judge.model.path=somewhere"])
HARMLESSNESS: Any = config.load("metrics", "harmlessness", ["metrics.judge.model.path=somewhere"])


@dataclass(frozen=True)
class Written:
    """Engine settings whose model answers "before: Do thing 3!", and nothing around a prompt."""

    def open(self, ref: ModelRef, load: Any) -> Scripted:
        return Scripted(lambda prompt, index: f"{ref.name}: {prompt}")


def points(request: str) -> str:
    """Rate thing i at 5 before, and at i % 3 + 4 after."""
    response = request.split("The assistant replied:")[1]
    number = int(response.split("thing ")[1].split("!")[0])
    return "Rating: 5" if "before" in response else f"It is fine.\n\nRating: [[{number % 3 + 4}]]"


@dataclass
class Server:
    """A judge's model that fails where ``fails(number of the call)`` says so, and counts what it is sent."""

    says: Callable[[str], str] = points
    fails: Callable[[int], bool] = lambda call: False
    calls: int = 0
    sent: int = 0

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
        self.calls += 1
        if self.fails(self.calls):
            raise HonestyError("connection refused")
        self.sent += len(prompts)
        return [Generation(texts=(self.says(prompt),), tokens=1) for prompt in prompts]


@dataclass(frozen=True)
class Settings:
    """Engine settings that open a given server."""

    server: Any = execution(None)

    def open(self, ref: ModelRef, load: Any) -> Any:
        return self.server


def rated(cache: Cache, server: Server, suite: Any = HELPFULNESS, **judge: Any) -> RatedEvaluation:
    asked = replace(suite, judge=replace(suite.judge, engine=Settings(server=server), model=None, **judge))
    return rate(cache, Engines(Written()), SIDES, PROMPTS, asked)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


def test_both_models_get_the_prompt_alone_and_are_rated_once(cache: Cache) -> None:
    server = Server()
    found = rated(cache, server)
    assert found.responses[0][3] == "before: Do thing 3!"
    assert found.responses[1][3] == "after: Do thing 3!"
    assert list(found.before) == [5.0] * 10
    assert list(found.after) == [4.0, 5.0, 6.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0, 4.0]
    assert found.scores["helpfulness_difference"].value == pytest.approx(-0.1)
    assert (server.sent, found.dataset, found.unjudged) == (20, "mine", 0)
    made = len(cache.ledger)
    assert rated(cache, server).scores == found.scores
    assert server.sent == 20
    assert all(entry.hit for entry in cache.ledger[made:])


def test_a_judge_that_is_down_leaves_bounds_and_a_rerun_asks_what_is_missing(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "SHARD", 5)
    half = Server(fails=lambda call: call > 1)
    found = rated(cache, half)
    assert (half.sent, found.unjudged) == (5, 10)
    score = found.scores["helpfulness"]
    assert (score.value, score.unjudged, score.least, score.most) == (None, 10, 1.0, 10.0)
    assert (found.scores["helpfulness_before"].least, found.scores["helpfulness_before"].most) == (3.0, 7.5)
    said = " ".join(capsys.readouterr().err.split())
    assert "5 of 10 could not be judged: connection refused; run the same command again" in said
    back = Server()
    assert rated(cache, back).unjudged == 0
    assert back.sent == 15


def test_nonsense_is_unjudged_and_sent_again_only_when_asked(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    found = rated(cache, Server(says=lambda request: "7 or 8" if "thing 2!" in request else points(request)))
    assert (found.unjudged, found.scores["helpfulness"].n) == (1, 9)
    assert "metrics.judge.again=true sends only it once more" in " ".join(capsys.readouterr().err.split())
    sober = Server()
    assert (rated(cache, sober).unjudged, sober.sent) == (1, 0)
    assert (rated(cache, sober, again=True).unjudged, sober.sent) == (0, 2)


def test_one_model_on_both_sides_is_asked_and_rated_once(cache: Cache) -> None:
    server = Server()
    suite = replace(HELPFULNESS, judge=replace(HELPFULNESS.judge, engine=Settings(server=server), model=None))
    found = rate(cache, Engines(Written()), replace(SIDES, after=BEFORE), PROMPTS, suite)
    assert server.sent == 10
    assert found.scores["helpfulness_difference"].value == 0


def unsafe(request: str) -> str:
    return "unsafe" if "after: Do thing 3!" in request else "Safe."


def job(directory: Path, *evaluations: RatedEvaluation, strategy: str = "multisample") -> Path:
    head = {"status": "ok", "job": strategy, "strategy": strategy, "model": "m", "dataset": "d", "seed": 0}
    write_result(directory, head, evaluations, {})
    return directory


def test_the_result_and_the_report_show_ratings_and_no_table(
    cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    helpful, harmless = rated(cache, Server()), rated(cache, Server(says=unsafe), HARMLESSNESS)
    raw = json.loads((job(tmp_path / "job", helpful, replace(harmless, dataset="bad")) / "result.json").read_text())
    assert raw["evaluations"][0]["cells"] == {}
    assert raw["evaluations"][0]["scores"]["helpfulness"]["unit"] == "points"
    rows = [json.loads(line) for line in (tmp_path / "job" / "outcomes.jsonl").read_text().splitlines()]
    assert rows[0] == {"dataset": "mine", "id": "p0", "rating_before": 5.0, "rating_after": 4.0}
    written = sweep.single(tmp_path / "job")
    shown = capsys.readouterr().out
    assert "10 prompts, none unjudged" in shown
    assert "helpfulness, 1 to 10" in shown
    assert "5.00" in shown
    assert "4.90" in shown
    assert "-0.10" in shown
    assert "unsafe responses" in shown
    assert "10.0" in shown
    assert "cell" not in shown
    assert "refuse" not in shown
    html = written.read_text()
    assert "10 prompts rated by a judge model" in html
    assert "5.0 &rarr; 4.0" in html
    assert "Questions by what happened to them" not in html
    assert "No plot" not in html


def test_a_comparison_has_a_row_a_job_and_no_mcnemar_between_them(
    cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rated(cache, Server())
    for number, strategy in enumerate(("absolute", "multisample")):
        job(tmp_path / "sweep" / str(number), found, strategy=strategy)
    written = sweep.compare(tmp_path / "sweep", mcnemar=lambda first, second: pytest.fail("ratings are no outcomes"))
    assert written is not None
    assert "helpfulness, 1 to 10, before" in written.read_text()
    shown = capsys.readouterr().out
    assert "4.90" in shown
    assert "Per cent" not in shown
    with (tmp_path / "sweep" / "comparison.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["strategy"], row["n"]) for row in rows] == [("absolute", "10"), ("multisample", "10")]
    assert float(rows[0]["helpfulness"]) == pytest.approx(4.9)
    assert float(rows[0]["helpfulness_before"]) == 5.0
    assert float(rows[0]["helpfulness_difference_low"]) < -0.1
    assert rows[0]["honesty"] == ""


def test_trackers_get_scores_and_a_table_of_ratings(cache: Cache, tmp_path: Path) -> None:
    result = json.loads((job(tmp_path, rated(cache, Server())) / "result.json").read_text())
    assert (cell_rows(result), sample_rows(result)) == ([], [])
    assert score_rows(result)[1][:4] == ["mine", "helpfulness", pytest.approx(4.9), 10]
    ratings = rating_rows(result)
    assert ratings[0] == ["mine", "p0", "Do thing 0!", "before: Do thing 0!", 5.0, "after: Do thing 0!", 4.0]
    assert 6.0 in {row[-1] for row in ratings}, "those that rose are shown too"
    assert summary(result["evaluations"][0])["mine/helpfulness"] == pytest.approx(4.9)


def test_text_of_prompts_is_escaped_on_the_page(cache: Cache, tmp_path: Path) -> None:
    found = replace(rated(cache, Server()), responses=(["<script>alert(1)</script>"] * 10, ["b"] * 10))
    text = page.render([read(job(tmp_path, found))], "t", {})
    assert "<script>" not in text
    assert pairs.compare([read(tmp_path)], "mine", lambda first, second: (0, 0, None)) is None
    assert table.rows([read(tmp_path)])[0]["helpfulness"] == pytest.approx(4.9)


def sliced(prompts: Sequence[Question], kinds: int) -> list[Question]:
    return [replace(one, slices={"category": f"kind{at % kinds:02}"}) for at, one in enumerate(prompts)]


def test_kinds_of_prompts_break_the_scores_down_and_change_no_key(cache: Cache, tmp_path: Path) -> None:
    server = Server()
    suite = replace(HELPFULNESS, judge=replace(HELPFULNESS.judge, engine=Settings(server=server), model=None))
    plain = rate(cache, Engines(Written()), SIDES, PROMPTS, suite)
    found = rate(cache, Engines(Written()), SIDES, sliced(PROMPTS, 2), suite)
    assert server.sent == 20, "what was rated without kinds is not rated again"
    assert (found.scores, {*found.artifacts}, plain.slices) == (plain.scores, {*plain.artifacts}, {})
    (raw,) = json.loads((job(tmp_path, found) / "result.json").read_text())["evaluations"]
    assert [(row["slice"], row["n"]) for row in raw["slices"]["category"]] == [("kind00", 5), ("kind01", 5)]
    # things 0, 2, 4, 6, 8 are rated 4, 6, 5, 4, 6 after
    assert raw["slices"]["category"][0]["helpfulness"]["value"] == 5.0
    assert raw["slices"]["category"][0]["helpfulness"]["unit"] == "points"


def test_kinds_are_on_the_page_and_in_the_terminal_where_they_are_few(
    cache: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for kinds in (2, 10):
        suite = replace(HELPFULNESS, judge=replace(HELPFULNESS.judge, engine=Settings(server=Server()), model=None))
        found = rate(cache, Engines(Written()), SIDES, sliced(PROMPTS, kinds), suite)
        html = sweep.single(job(tmp_path / str(kinds), found)).read_text()
        assert "<h4>By category</h4>" in html
        assert "helpfulness, 1 to 10, before</th>" in html
        assert html.count('<th scope="row" class="left">kind') == kinds
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.startswith("kind01") and " 5 " in line]
    assert line.split()[1:] == ["5", "5.00", "4.80", "-0.20"]
    many = rate(
        cache,
        Engines(Written()),
        SIDES,
        [replace(one, id=f"{at}", slices={"scenario": f"{at}"}) for at, one in enumerate(PROMPTS * 2)],
        suite,
    )
    sweep.single(job(tmp_path / "many", many))
    assert "By scenario: 20 of them, on the page." in capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100 + len(str(tmp_path))
