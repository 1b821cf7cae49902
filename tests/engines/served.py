"""An engine in front of a server of ours, for the tests of both what it does and when it gives up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from servers import Faulty, Plan, Reply

from honesty.engines.openai import OpenAIEngine
from honesty.engines.settings import OpenAI
from honesty.types import ModelRef, Sampling

SERVED = ModelRef(name="served", path="", digest="served")  # a model only the server knows
PROMPTS = [f"word p{i}" for i in range(20)]
GREEDY, THREE = Sampling(), Sampling(n=3, temperature=1.0, seed=5)

Serve = Callable[..., tuple[Faulty, OpenAIEngine]]


@contextmanager
def serving() -> Iterator[Serve]:
    """Yield what starts a faulty server and an engine in front of it; they are closed at the end."""
    servers = []

    def start(plan: Plan | None = None, **changes: Any) -> tuple[Faulty, Any]:
        servers.append(Faulty(plan))
        fields = {"model": "tiny", "base_url": servers[-1].url, "backoff": 0.01, "retries": 2, "timeout": 5.0, "startup": 0.2}
        fields |= changes
        return servers[-1], OpenAI(**fields).open(SERVED, lambda ref, device: None)

    yield start
    for server in servers:
        server.close()


def first(plan: dict[int, Reply]) -> Plan:
    """A server that answers well but for the requests of these numbers."""
    return lambda number, body: plan.get(number)
