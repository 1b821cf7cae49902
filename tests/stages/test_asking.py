"""A judge model that is down, half down, or talks nonsense: what is kept, what is sent again, what is said."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from judge_server import FINISHED, LLM, QUESTIONS, Server, Settings, down, judging, labels, reply, up, written

from honesty.cache import Artifact, Cache
from honesty.stages import asking
from honesty.stages.generate import Engines
from honesty.stages.judge import judge
from honesty.types import Generation, HonestyError, InputError, Label, ModelRef, PartialError, Sampling


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path)


@pytest.fixture
def generated(cache: Cache) -> Artifact:
    return written(cache)


def test_all_is_judged_once_and_then_found(cache: Cache, generated: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(up)
    first = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert labels(first) == FINISHED
    assert (server.sent, server.calls) == (20, 2), "two steps, each one batch"
    again = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert again.digest == first.digest
    assert server.sent == 20
    assert "could not" not in capsys.readouterr().err


def test_a_judge_that_is_down_leaves_all_unjudged_and_a_rerun_asks_all(
    cache: Cache, generated: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server(down)
    gone = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert labels(gone) == [None] * 10
    assert gone.record["counts"] == {"responses": 10, "unjudged": 10}
    assert server.calls == 1 + asking.PATIENCE, "a dead server is not asked for every response"
    line = "judge cascade, t: 10 of 10 could not be judged: connection refused; run the same command again to send only these"
    assert line in " ".join(capsys.readouterr().err.split())
    back = Server(up)
    finished = judge(cache, QUESTIONS, generated, judging(back), "t")
    assert labels(finished) == FINISHED
    assert finished.digest != gone.digest
    assert back.sent == 20


def test_half_a_run_is_kept_and_the_rerun_sends_only_the_rest(
    cache: Cache, generated: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(asking, "SHARD", 2)
    dies = Server(lambda prompt, call: ConnectionError("reset by peer") if call > 3 else None)
    half = judge(cache, QUESTIONS, generated, judging(dies), "t")
    assert labels(half) == [None] * 10
    assert dies.sent == 6, "six short answers came back, no rating"
    assert "reset by peer" in capsys.readouterr().err
    back = Server(up)
    finished = judge(cache, QUESTIONS, generated, judging(back), "t")
    assert labels(finished) == FINISHED
    assert back.sent == 20 - 6
    whole = judge(Cache(root=cache.root / "other"), QUESTIONS, generated, judging(Server(up)), "t")
    assert whole.digest == finished.digest, "the key does not tell in how many runs it was finished"


def test_one_bad_request_costs_itself_only(cache: Cache, generated: Artifact) -> None:
    too_long = Server(lambda prompt, call: InputError("does not fit the window") if "thing4." in prompt else None)
    found = judge(cache, QUESTIONS, generated, judging(too_long), "t")
    assert labels(found) == [None if i == 4 else label for i, label in enumerate(FINISHED)]
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert back.sent == 2


def test_what_an_engine_finished_before_it_gave_up_is_kept_and_not_sent_again(cache: Cache, generated: Artifact) -> None:
    @dataclass
    class GivesUp(Server):
        def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
            if len(prompts) == 1:
                raise HonestyError("overloaded")
            made = dict(zip(prompts[:7], Server.generate(self, prompts[:7], sampling), strict=True))
            raise PartialError("overloaded", made)

    half = GivesUp(up)
    judge(cache, QUESTIONS, generated, judging(half), "t")
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert half.sent > 0
    assert back.sent == 20 - half.sent


def test_nonsense_is_unjudged_kept_and_sent_again_only_when_asked(
    cache: Cache, generated: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    drunk = Server(
        up, says=lambda prompt: "<html>502</html>" if "thing3" in prompt and "consistent" in prompt else reply(prompt)
    )
    found = judge(cache, QUESTIONS, generated, judging(drunk), "t")
    assert labels(found) == [None if i == 3 else label for i, label in enumerate(FINISHED)]
    said = " ".join(capsys.readouterr().err.split())
    assert "1 of 10 could not be judged: 1 reply cannot be read (the first: '<html>502</html>'); judge.again=true" in said
    sober = Server(up)
    same = judge(cache, QUESTIONS, generated, judging(sober), "t")
    assert (same.digest, sober.sent) == (found.digest, 0)
    finished = judge(cache, QUESTIONS, generated, judging(sober, again=True), "t")
    assert (labels(finished), sober.sent) == (FINISHED, 1)
    assert judge(cache, QUESTIONS, generated, judging(sober), "t").digest == finished.digest


def test_an_interrupted_run_goes_on_from_its_last_shard(
    cache: Cache, generated: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "SHARD", 2)

    def interrupts(prompt: str, call: int) -> None:
        if call > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(cache, QUESTIONS, generated, judging(Server(interrupts)), "t")
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert back.sent == 20 - 8


def test_the_same_request_is_sent_once_whoever_asks(cache: Cache, generated: Artifact) -> None:
    server = Server(up)
    judge(cache, QUESTIONS, generated, judging(server), "t")
    stricter = judge(cache, QUESTIONS, generated, judging(server, threshold=0.95), "t")
    assert server.sent == 20, "another threshold reads the same replies"
    assert labels(stricter) == [Label.WRONG] * 10


def test_another_model_or_engine_is_another_key(cache: Cache, generated: Artifact) -> None:
    @dataclass(frozen=True)
    class Named(Settings):
        url: str = "a"

    found = []
    for url in "ab":
        server = Server(up)
        found.append(judge(cache, QUESTIONS, generated, replace(LLM, engine=Named(server=server, url=url), model=None), "t"))
        assert server.sent == 20
    assert found[0].digest != found[1].digest


def test_a_model_that_cannot_be_opened_by_its_own_fault_stops_the_run_and_an_unreachable_one_does_not(
    cache: Cache, generated: Artifact
) -> None:
    wrong = replace(LLM, engine=Settings(opening=InputError("no chat template")), model=None)
    with pytest.raises(InputError, match="no chat template"):
        judge(cache, QUESTIONS, generated, wrong, "t")
    away = replace(LLM, engine=Settings(opening=HonestyError("no route to host")), model=None)
    assert labels(judge(cache, QUESTIONS, generated, away, "t")) == [None] * 10


def test_the_judge_s_model_is_opened_once_a_run(cache: Cache, generated: Artifact) -> None:
    opened = []

    @dataclass(frozen=True)
    class Counting(Settings):
        def open(self, ref: ModelRef, load: Any) -> Any:
            opened.append(ref)
            return Server(up)

    engines = Engines(Settings())
    one = replace(LLM, engine=Counting(), model=None)
    judge(cache, QUESTIONS, generated, one, "t", engines)
    judge(cache, QUESTIONS, generated, replace(one, max_new_tokens=32), "t", engines)
    assert len(opened) == 1


def test_a_deleted_store_does_no_harm(cache: Cache, generated: Artifact) -> None:
    first = judge(cache, QUESTIONS, generated, judging(Server(up)), "t")
    stored = sorted((cache.root / "replies").rglob("*.json"))
    assert sum(len(json.loads(path.read_text())) for path in stored) == 20
    for path in stored:
        path.unlink()
    assert judge(cache, QUESTIONS, generated, judging(Server(down)), "t").digest == first.digest


@pytest.mark.parametrize(("behind", "read"), [("", False), ("\nbecause both nam", True)])
def test_the_word_a_reply_broke_off_in_is_not_read(cache: Cache, generated: Artifact, behind: str, read: bool) -> None:
    """The "0.9" of a reply that was cut off may be the half of "0.05" or "0.95": it is no verdict."""

    def says(prompt: str) -> str:
        said = reply(prompt)
        return f"{said} and" if "Copy the short answer" in prompt else said + behind

    server = Server(up, says=says, tokens=LLM.max_new_tokens)
    found = labels(judge(cache, QUESTIONS, generated, judging(server), "t"))
    assert found == (FINISHED if read else [None] * 10)
