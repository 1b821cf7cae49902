"""The engine that asks a server, against a server that fails in every way one can. (test_contract.py has the real one.)"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import TINY, run_train
from served import GREEDY, PROMPTS, SERVED, THREE, Serve, first, serving
from servers import Reply

from honesty.cache import Cache, digest
from honesty.engines.reading import request_seed
from honesty.engines.settings import OpenAI
from honesty.interfaces import RefusedError, UnavailableError
from honesty.stages import generate as stage
from honesty.stages.generate import Engines, respond, texts
from honesty.types import HonestyError, InputError, ModelRef, PartialError


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


def test_one_request_a_prompt_with_the_fields_of_the_protocol(serve: Serve) -> None:
    server, engine = serve(endpoint="completions", body={"top_k": -1})
    made = engine.generate([*PROMPTS, PROMPTS[0]], replace(GREEDY, max_new_tokens=9, stop=("\n",)))
    assert [one.texts for one in made] == [(f"{p.split()[-1]}/0/0",) for p in [*PROMPTS, PROMPTS[0]]]
    assert {one.tokens for one in made} == {7}
    assert sorted(server.prompts()) == sorted(PROMPTS)
    body = dict(server.bodies[0])
    body.pop("prompt")
    assert body == {"model": "tiny", "temperature": 0.0, "max_tokens": 9, "stop": ["\n"], "top_k": -1}
    assert set(server.paths) == {"/v1/completions"}


def test_a_model_only_the_server_knows_is_asked_by_chat(serve: Serve) -> None:
    server, engine = serve(limit="max_completion_tokens", omit=("temperature",))
    assert engine.generate(["word hello"], GREEDY)[0].texts == ("hello/0/0",)
    said = [{"role": "user", "content": "word hello"}]
    assert server.bodies == [{"model": "tiny", "messages": said, "max_completion_tokens": 64}]
    assert server.paths == ["/v1/chat/completions"]


def test_spaces_behind_a_raw_prompt_are_the_responses(serve: Serve) -> None:
    server, engine = serve(lambda number, body: Reply(texts=[" Paris"]), endpoint="completions")
    assert engine.generate(["Q: who?\nA: ", "Q: where?\nA:"], GREEDY)[0].texts == ("Paris",)
    assert set(server.prompts()) == {"Q: who?\nA:", "Q: where?\nA:"}
    assert engine.generate(["Q: where?\nA:"], GREEDY)[0].texts == (" Paris",)


def test_samples_are_the_same_whether_the_server_takes_n_or_ignores_it(serve: Serve) -> None:
    server, engine = serve()
    at_once = engine.generate(PROMPTS, THREE)
    assert len(server.bodies) == len(PROMPTS)
    assert {(body["n"], body["top_p"], body["temperature"]) for body in server.bodies} == {(3, 1.0, 1.0)}

    def ignores(number: int, body: dict[str, Any]) -> Reply:
        i = body["seed"] - request_seed(5, body["messages"][0]["content"], 0)
        return Reply(texts=[f"{body['messages'][0]['content'].split()[-1]}/{body['seed']}/{i}"])

    other, alone = serve(ignores, concurrency=1)
    one_by_one = alone.generate(PROMPTS, THREE)
    assert [made.texts for made in one_by_one] == [made.texts for made in at_once]
    assert len(other.bodies) == 3 * len(PROMPTS)
    assert sum("n" in body for body in other.bodies) == 1, "asked for several once, and never again"
    seeds = [body["seed"] for body in other.bodies]
    assert len(set(seeds)) == len(seeds), "every sample of every prompt has a seed of its own"
    assert max(seeds) < 2**31


def test_seeds_depend_on_seed_prompt_and_sample_only() -> None:
    assert request_seed(0, "Q: a\nA: ", 0) == 527831928
    assert request_seed(0, "Q: a\nA: ", 3) == 527831931
    assert len({request_seed(seed, prompt, 0) for seed in range(50) for prompt in PROMPTS}) == 1000


@pytest.mark.parametrize(
    "bad",
    [
        Reply(status=429, headers={"retry-after": "0"}),
        Reply(status=429),
        Reply(status=500),
        Reply(status=503),
        Reply(status=408),
        Reply(cut=True),
        Reply(raw="{not json"),
        Reply(raw=""),
        Reply(raw="<html>down for maintenance</html>", kind="text/html"),
        Reply(raw="[]"),
        Reply(raw='{"choices": "none"}'),
        Reply(raw='{"choices": [3]}'),
        Reply(raw='{"choices": [{"index": 0, "finish_reason": "stop"}]}'),
        Reply(raw='{"error": {"message": "busy"}}'),
        Reply(texts=[]),
        Reply(texts=["one", "two"]),
        Reply(end=None),
        Reply(end="abort"),
        Reply(seconds=0.6),
    ],
    ids=lambda reply: str({k: v for k, v in vars(reply).items() if v != getattr(Reply(), k)}),
)
def test_a_failed_request_is_sent_again(serve: Serve, bad: Reply) -> None:
    server, engine = serve(first({0: bad, 1: bad}), concurrency=1, timeout=0.3)
    assert engine.generate(PROMPTS[:2], GREEDY)[0].texts == ("p0/0/0",)
    assert server.prompts() == ["word p0"] * 3 + ["word p1"]


def test_a_server_that_says_when_to_come_back_is_believed(serve: Serve) -> None:
    _, engine = serve(first({0: Reply(status=429, headers={"retry-after": "0.5"})}))
    start = time.monotonic()
    engine.generate(PROMPTS[:1], GREEDY)
    assert time.monotonic() - start >= 0.5
    _, engine = serve(first({0: Reply(status=429, headers={"retry-after": "Mon, 23 Nov 2026 10:00:00 GMT"})}))
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("p0/0/0",)


def test_a_server_that_says_tomorrow_is_left_for_tomorrow(serve: Serve) -> None:
    server, engine = serve(lambda number, body: Reply(status=429, headers={"retry-after": "86400"}, message="quota"))
    with pytest.raises(PartialError, match=r"quota, tried once$"):
        engine.generate(PROMPTS[:1], GREEDY)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("bad", "says", "kind"),
    [
        (Reply(status=500, message="kaput"), "kaput, tried 3 times; .*is engine.model=tiny a name it serves", PartialError),
        (Reply(status=429, message="slow down"), "slow down, tried 3 times", PartialError),
        (Reply(raw="{oops"), "not JSON.*tried 3 times", PartialError),
        (Reply(texts=["one", "two"]), "2 texts where 1 were asked for, tried 3 times", PartialError),
        (Reply(end=None), "cut off.*tried 3 times", PartialError),
        (Reply(seconds=1), "no reply within engine.timeout=0.3 s, tried 3 times; set a longer engine.timeout", PartialError),
        (Reply(cut=True), r"cannot be reached \(.*peer closed.*\), tried [2-9] times", UnavailableError),
        (
            Reply(status=401, message="bad key"),
            r"refuses the key \(the environment variable TEST_KEY is not set\)",
            UnavailableError,
        ),
        (
            Reply(status=404, message="no model tiny"),
            "no model tiny.*engine.model=tiny must be a name it serves",
            UnavailableError,
        ),
        (Reply(status=400, message="context length is 5"), "'word p0'.*context length is 5; shorten", RefusedError),
        (Reply(status=422, message="unexpected seed"), r"unexpected seed.*engine.omit=\[NAME\]", RefusedError),
    ],
)
def test_what_cannot_be_had_is_one_clear_message(serve: Serve, bad: Reply, says: str, kind: type[Exception]) -> None:
    server, engine = serve(lambda number, body: bad, timeout=0.3, key="TEST_KEY", concurrency=1)
    with pytest.raises(kind, match=says) as caught:
        engine.generate(PROMPTS[:1], GREEDY)
    assert "\n" not in str(caught.value)
    assert server.url in str(caught.value)
    final = bad.status in (400, 401, 404, 422)
    assert bad.cut or len(server.bodies) == (1 if final else 3), "what can never succeed is not tried again"


def test_the_key_comes_from_the_environment_and_is_never_shown(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret")
    server, engine = serve(first({0: Reply(status=401, message="Incorrect key: sk-very-secret")}), key="TEST_KEY")
    with pytest.raises(HonestyError, match=r"refuses the key: .*\*\*\*") as caught:
        engine.generate(PROMPTS[:1], GREEDY)
    assert "secret" not in str(caught.value)
    assert server.keys == ["Bearer sk-very-secret"]
    assert "secret" not in repr(engine)
    with pytest.raises(ValueError, match="never the key itself"):
        OpenAI(model="tiny", key="sk-very-secret")


def test_an_empty_prompt_is_refused_before_anything_is_sent(serve: Serve) -> None:
    server, engine = serve()
    with pytest.raises(InputError, match="no tokens"):
        engine.generate([*PROMPTS, "  "], GREEDY)
    assert server.bodies == []


def test_why_a_text_ended_is_kept_apart(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    server, engine = serve(lambda number, body: Reply(texts=["Paris"], end="length"))
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("Paris",)
    assert capsys.readouterr().err == "", "a text of max_new_tokens is a text"
    server.plan = lambda number, body: Reply(texts=[""], end="stop")
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("",)
    assert capsys.readouterr().err == ""
    server.plan = lambda number, body: Reply(texts=[None], end="length")
    assert engine.generate(PROMPTS[:2], GREEDY)[1].texts == ("",)
    assert "2 replies ended at max_new_tokens before any text" in capsys.readouterr().err
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("",)
    assert capsys.readouterr().err == "", "said once"
    server.plan = lambda number, body: Reply(texts=[None], end="content_filter")
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("",)
    assert "1 replies were withheld by the server's filter" in capsys.readouterr().err


def test_a_refusal_is_a_text_and_stop_strings_are_cut_off(serve: Serve) -> None:
    refusal = '{"choices":[{"index":0,"finish_reason":"stop","message":{"content":null,"refusal":"I cannot say."}}]}'
    _, engine = serve(first({0: Reply(raw=refusal), 1: Reply(texts=["Paris.\nQ: more"])}))
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("I cannot say.",)
    assert engine.generate(PROMPTS[:1], replace(GREEDY, stop=("Q:", "\n")))[0].texts == ("Paris.",)


def test_tokens_are_words_where_the_server_counts_none(serve: Serve) -> None:
    _, engine = serve(lambda number, body: Reply(texts=["the city of Paris"], usage=False))
    assert engine.generate(PROMPTS[:1], GREEDY)[0].tokens == 4


def test_a_server_that_ignores_temperature_is_told_of(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    _, engine = serve(lambda number, body: Reply(texts=["Paris"]))
    engine.generate(PROMPTS, THREE)
    assert "all 3 samples of each of 20 prompts are alike" in capsys.readouterr().err


def test_no_more_requests_at_a_time_than_allowed(serve: Serve) -> None:
    open_now, most = [0], [0]

    def slow(number: int, body: dict[str, Any]) -> Reply:
        open_now[0] += 1
        most[0] = max(most[0], open_now[0])
        time.sleep(0.05)
        open_now[0] -= 1
        return Reply()

    _, engine = serve(slow, concurrency=4)
    engine.generate(PROMPTS, GREEDY)
    assert 2 <= most[0] <= 4, "side by side"


def test_it_runs_inside_a_notebooks_loop(serve: Serve) -> None:
    _, engine = serve()

    async def cell() -> Any:
        return engine.generate(PROMPTS[:1], GREEDY)

    assert asyncio.run(cell())[0].texts == ("p0/0/0",)


@pytest.mark.parametrize("down_from", [0, 7, 13])
def test_a_rerun_sends_only_what_is_missing(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, down_from: int
) -> None:
    monkeypatch.setattr(stage, "SHARD", 5)
    up = [False]
    down = Reply(status=503, message="down")
    server, _ = serve(lambda number, body: None if up[0] or number < down_from else down)
    settings = OpenAI(model="tiny", base_url=server.url, backoff=0.0, retries=1, concurrency=1)
    with pytest.raises(PartialError, match=r"down.*the same command asks for the rest"):
        respond(Cache(root=tmp_path), Engines(settings), SERVED, PROMPTS, THREE, "texts")
    assert len(server.bodies) <= down_from + 10, "it gives up soon"
    answered = set(server.prompts()[:down_from])
    server.bodies.clear()
    up[0] = True
    made = respond(Cache(root=tmp_path), Engines(settings), SERVED, PROMPTS, THREE, "texts")
    assert sorted(server.prompts()) == sorted(set(PROMPTS) - answered)
    assert [one.texts[2].split("/")[0] for one in texts(made)] == [prompt.split()[-1] for prompt in PROMPTS]
    assert not list(made.path.glob("unfinished*"))
    server.bodies.clear()
    respond(Cache(root=tmp_path), Engines(settings), SERVED, PROMPTS, THREE, "texts")
    assert server.bodies == []


def test_identity_is_the_model_and_what_it_is_told_not_where_and_how_fast() -> None:
    one = OpenAI(model="tiny")
    same = replace(one, base_url="https://x/v1", key="OTHER", concurrency=1, timeout=1.0, retries=0, backoff=2.0)
    assert digest(replace(same, limit="max_completion_tokens")) == digest(one)
    others = [
        replace(one, model="big"),
        replace(one, endpoint="chat"),
        replace(one, body={"a": 1}),
        replace(one, omit=("seed",)),
    ]
    assert len({digest(each) for each in [one, *others]}) == 5


def test_settings_that_cannot_be_meant() -> None:
    for change, says in [
        ({"base_url": "localhost:8000"}, "base_url is http"),
        ({"concurrency": 0}, "concurrency must be at least 1"),
        ({"timeout": 0.0}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"backoff": -1.0}, "backoff"),
    ]:
        with pytest.raises(ValueError, match=says):
            OpenAI(model="m", **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ref", "changes", "says"),
    [
        (replace(SERVED, adapter=Path("a")), {}, "take engine=hf .*honesty export RUN_DIR OUT_DIR --what merged"),
        (replace(SERVED, path="x", wrap="chat", template="{{ x }}"), {}, "a server applies its own template"),
        (SERVED, {"model": None}, "engine.model: missing"),
        (replace(SERVED, path="x"), {"endpoint": "chat"}, "disagree; set engine.endpoint=auto"),
    ],
)
def test_what_a_server_cannot_do_is_said_at_once(ref: ModelRef, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        OpenAI(**{"model": "tiny", **changes}).open(ref, lambda ref, device: None)


def test_a_run_that_trains_is_refused_before_any_work(tmp_path: Path) -> None:
    done = run_train("engine=openai", *TINY, f"paths.outputs={tmp_path}")
    assert done.returncode == 2
    assert "engine=openai: a server cannot be given the weights that training makes; take engine=hf" in done.stderr
    assert not (tmp_path / "cache").exists()
