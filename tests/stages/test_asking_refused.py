"""A judge model that takes some requests and not others, or none: what is sent, what is left, what is said."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from judge_server import FINISHED, LLM, QUESTIONS, Server, Settings, judging, labels, up, written

from honesty.cache import Artifact, Cache
from honesty.interfaces import RefusedError, UnavailableError
from honesty.stages import asking
from honesty.stages.judge import judge
from honesty.types import Generation, InputError, Sampling


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path)


@pytest.fixture
def generated(cache: Cache) -> Artifact:
    return written(cache)


def refusing(wrong: Callable[[str], bool], most: int = 4) -> Any:
    """A server that takes ``most`` requests at a time, stops at the first it refuses and says which those were."""

    @dataclass
    class Refusing(Server):
        rounds: list[int] = field(default_factory=list)

        def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
            self.rounds.append(len(prompts))
            good = []
            for start in range(0, len(prompts), most):
                part = prompts[start : start + most]
                good += [prompt for prompt in part if not wrong(prompt)]
                if bad := [prompt for prompt in part if wrong(prompt)]:
                    error = RefusedError("engine: context length is 5", "shorten it", bad)
                    self.sent += len(good)
                    error.made = {prompt: Generation(texts=(self.says(prompt),), tokens=1) for prompt in good}
                    raise error
            return Server.generate(self, prompts, sampling)

    return Refusing(up)


def test_a_refused_request_costs_itself_and_the_others_stay_together(
    cache: Cache, generated: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    server = refusing(lambda prompt: "thing4." in prompt or "thing7." in prompt)
    found = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert labels(found) == [None if i in (4, 7) else label for i, label in enumerate(FINISHED)]
    assert server.rounds == [10, 2, 8], "only what the refusal broke off is asked again, and that at once"
    assert server.sent == 16, "no request twice"
    said = " ".join(capsys.readouterr().err.split())
    assert "2 of 10 could not be judged: 2 requests are refused, the first: engine: context length is 5. Give the" in said
    assert "longer window, or lower judge.max_new_tokens: only these will then be sent" in said
    assert "same command" not in said
    assert "shorten" not in said
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert back.sent == 4


def test_a_server_that_refuses_all_from_the_first_on_is_left_after_a_few(
    cache: Cache, generated: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    server = refusing(lambda prompt: True, most=2)
    found = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert labels(found) == [None] * 10
    assert server.rounds == [10] + [1] * asking.PATIENCE
    said = " ".join(capsys.readouterr().err.split())
    assert "every request is refused, the shortest too: engine: context length is 5; put that right" in said
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert back.sent == 20


def test_long_requests_in_front_do_not_stand_for_all(cache: Cache) -> None:
    long = [replace(one, text=one.text + " why" * 50 * (i < 8)) for i, one in enumerate(QUESTIONS)]

    server = refusing(lambda prompt: prompt.count("why") > 9)
    found = judge(cache, long, written(cache, long), judging(server), "t")
    assert labels(found) == [None] * 8 + FINISHED[8:]
    assert server.rounds == [10, 1, 5, 1, 2], "all, the shortest of the rest, the rest without the refused ..., the ratings"


def test_an_engine_that_does_not_say_which_one_it_refuses_is_asked_one_by_one(cache: Cache, generated: Artifact) -> None:
    server = Server(lambda prompt, call: InputError("no") if "thing4." in prompt else None)
    found = judge(cache, QUESTIONS, generated, judging(server), "t")
    assert labels(found) == [None if i == 4 else label for i, label in enumerate(FINISHED)]
    assert server.calls == 1 + 10 + 1


def test_what_any_request_would_meet_is_met_once(cache: Cache, generated: Artifact) -> None:
    server = Server(lambda prompt, call: UnavailableError("nobody answers", {}))
    assert labels(judge(cache, QUESTIONS, generated, judging(server), "t")) == [None] * 10
    assert server.calls == 1


def test_a_model_that_goes_away_between_the_two_steps(cache: Cache, generated: Artifact) -> None:
    server = Server(lambda prompt, call: UnavailableError("a day's quota is used up", {}) if call > 1 else None)
    assert labels(judge(cache, QUESTIONS, generated, judging(server), "t")) == [None] * 10
    assert (server.sent, server.calls) == (10, 2)
    back = Server(up)
    assert labels(judge(cache, QUESTIONS, generated, judging(back), "t")) == FINISHED
    assert back.sent == 10


def test_a_fault_of_the_judge_s_model_names_the_key_as_it_is_typed(cache: Cache, generated: Artifact) -> None:
    says = "model.path=/my/model.name: no chat template; set model.prompt.wrap=raw"
    wrong = replace(LLM, engine=Settings(opening=InputError(says)), model=None)
    with pytest.raises(InputError) as caught:
        judge(cache, QUESTIONS, generated, wrong, "t")
    assert str(caught.value) == "judge.model.path=/my/model.name: no chat template; set judge.model.prompt.wrap=raw"
    with pytest.raises(InputError, match=r"^metrics.judge.model.path=.*somewhere: no such directory"):
        asking.asking(cache, LLM, None, "t", "metrics.judge")
