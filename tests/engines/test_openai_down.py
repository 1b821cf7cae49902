"""A server that is down, starting, restarting, or refuses: how long it is tried, and which key the message names."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
from served import GREEDY, PROMPTS, SERVED, Serve, first, serving
from servers import Faulty, Reply

from honesty import config
from honesty.cache import digest
from honesty.engines.settings import OpenAI
from honesty.interfaces import RefusedError, UnavailableError
from honesty.types import PartialError


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start


def test_a_server_that_never_answered_is_given_up_in_seconds_however_many_retries(serve: Serve) -> None:
    server, engine = serve(retries=1000, startup=1.0, node="judge.engine")
    server.close()
    start = time.monotonic()
    with pytest.raises(
        UnavailableError, match=r"cannot be reached \(Connection refused\), tried \d+ times; start the"
    ) as caught:
        engine.generate(PROMPTS, GREEDY)
    assert 0.9 <= time.monotonic() - start < 20, "1,000 tries would take hours"
    assert str(caught.value).startswith(f"judge.engine.base_url={server.url}: ")
    assert "judge.engine.startup=SECONDS waits longer" in str(caught.value)
    with pytest.raises(UnavailableError, match="tried once"):  # what is known is not waited for again
        engine.generate(PROMPTS[:1], GREEDY)


def test_a_server_that_is_still_starting_is_waited_for(serve: Serve) -> None:
    server, engine = serve(retries=0, startup=30.0)
    server.close()
    late: list[Faulty] = []

    def start() -> None:
        time.sleep(0.7)
        late.append(Faulty(port=int(server.url.split(":")[2].removesuffix("/v1"))))

    threading.Thread(target=start).start()
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("p0/0/0",)
    late[0].close()


def test_a_server_that_restarts_is_waited_out_with_all_retries(serve: Serve) -> None:
    server, engine = serve(retries=7, startup=0.0, concurrency=1)
    engine.generate(PROMPTS[:1], GREEDY)
    server.close()
    with pytest.raises(PartialError, match=r"cannot be reached \(.*refused\), tried 8 times$") as caught:
        engine.generate(PROMPTS, GREEDY)
    assert not isinstance(caught.value, UnavailableError)
    back = Faulty(port=int(server.url.split(":")[2].removesuffix("/v1")))
    assert engine.generate(PROMPTS[:1], GREEDY)[0].texts == ("p0/0/0",)
    back.close()


def test_a_name_that_is_no_host_and_a_server_without_tls(serve: Serve) -> None:
    _, engine = serve(base_url="http://no.such.host.invalid/v1")
    with pytest.raises(UnavailableError, match=r"cannot be reached \((?!Connection error).+\)"):
        engine.generate(PROMPTS[:1], GREEDY)
    server, _ = serve()
    engine = OpenAI(model="m", base_url=server.url.replace("http:", "https:"), startup=0.1).open(
        SERVED, lambda ref, device: None
    )
    with pytest.raises(UnavailableError, match=r"(?i)cannot be reached \(.*(ssl|tls).*\)"):
        engine.generate(PROMPTS[:1], GREEDY)


def test_one_that_takes_requests_and_never_replies_is_not_tried_for_an_hour(serve: Serve) -> None:
    server, engine = serve(lambda number, body: Reply(seconds=0.5), timeout=0.1, retries=50, concurrency=1)
    with pytest.raises(UnavailableError, match=r"no reply within engine.timeout=0.1 s, tried 3 times"):
        engine.generate(PROMPTS, GREEDY)
    assert len(server.bodies) == 3


def test_one_that_never_gave_a_text_gets_all_its_tries_once(serve: Serve) -> None:
    bad = [True]
    server, engine = serve(lambda number, body: Reply(status=500, message="kaput") if bad[0] else None, concurrency=1)
    for tries in (3, 1):
        server.bodies.clear()
        with pytest.raises(PartialError, match="kaput"):
            engine.generate(PROMPTS[:1], GREEDY)
        assert len(server.bodies) == tries
    bad[0] = False
    engine.generate(PROMPTS[:1], GREEDY)
    bad[0] = True
    server.bodies.clear()
    with pytest.raises(PartialError, match="kaput"):
        engine.generate(PROMPTS[:1], GREEDY)
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("bad", "early", "late"),
    [
        (Reply(status=401), UnavailableError, UnavailableError),
        (Reply(status=402, message="no credit"), UnavailableError, UnavailableError),
        (Reply(status=403, message="flagged"), UnavailableError, RefusedError),
        (Reply(status=404), UnavailableError, RefusedError),
        (Reply(status=400), RefusedError, RefusedError),
        (Reply(status=429, headers={"retry-after": "9999"}), UnavailableError, UnavailableError),
        (Reply(status=429, code="insufficient_quota"), UnavailableError, UnavailableError),
    ],
)
def test_what_any_other_prompt_would_meet_too(serve: Serve, bad: Reply, early: type[Exception], late: type[Exception]) -> None:
    server, engine = serve(lambda number, body: bad)
    with pytest.raises(early) as caught:
        engine.generate(PROMPTS[:1], GREEDY)
    assert type(caught.value) is early
    server, engine = serve(first({1: bad}), concurrency=1)
    with pytest.raises(late) as caught:
        engine.generate(PROMPTS[:3], GREEDY)
    assert type(caught.value) is late
    assert {prompt: one.texts for prompt, one in caught.value.made.items()} == {"word p0": ("p0/0/0",)}  # type: ignore[attr-defined]
    assert len(server.bodies) == 2, "nothing is tried twice"


def test_a_refusal_names_the_prompts_and_keeps_what_was_made(serve: Serve) -> None:
    def refuses(number: int, body: dict[str, Any]) -> Reply | None:
        return Reply(status=400, message="too long") if body["messages"][0]["content"].endswith("p3") else None

    _, engine = serve(refuses, concurrency=1)
    with pytest.raises(RefusedError) as caught:
        engine.generate(PROMPTS[:5], GREEDY)
    assert caught.value.refused == ["word p3"]
    assert {*caught.value.made} == {*PROMPTS[:3]}


def test_what_a_server_says_cannot_steer_the_terminal(serve: Serve) -> None:
    _, engine = serve(lambda number, body: Reply(status=400, message="\x1b]0;owned\x07\x1b[2J no"))
    with pytest.raises(RefusedError) as caught:
        engine.generate(PROMPTS[:1], GREEDY)
    assert "\x1b" not in str(caught.value)
    assert "\\u001b[2J no" in str(caught.value)


def test_settings_know_the_key_a_user_can_type() -> None:
    served = ["base_url=http://x/v1", "model=m"]
    for group, name, place in (
        ("engine", "openai", "engine"),
        ("judge", "llm", "judge.engine"),
        ("metrics", "helpfulness", "metrics.judge.engine"),
    ):
        part = [] if group == "engine" else [f"{group}/engine=openai"]
        record = config.load(group, name, [*part, *(f"{place}.{each}" for each in served)])
        settings = {"engine": record, "judge": getattr(record, "engine", None)}.get(group, getattr(record, "judge", None))
        settings = getattr(settings, "engine", settings)
        assert settings.node == place
        assert digest(settings) == digest(OpenAI(model="m")), "which is no part of its identity"
        assert settings.open(SERVED, lambda ref, device: None).node == place
