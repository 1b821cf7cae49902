"""A judge's model that counts what it is sent and fails where it is told to, and responses for it to judge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from honesty import config
from honesty.cache import Artifact, Cache
from honesty.engines.scripted import Scripted
from honesty.judges.llm import LlmJudge
from honesty.specs import execution
from honesty.stages.generate import Engines, generate
from honesty.stages.judge import answers
from honesty.types import Generation, HonestyError, Label, ModelRef, Prompt, Question, Sampling

QUESTIONS = [Question(id=str(i), text=f"Question {i}?", answers=(f"gold{i}",), source="t") for i in range(10)]
BASE = ModelRef(name="base", path="nowhere", digest="base")


def reply(prompt: str) -> str:
    """Extract what stands behind "It is", and find even numbers right."""
    if "Copy the short answer" in prompt:
        return prompt.split("It is ")[1].split(".")[0]
    return "0.9" if int(prompt.split("thing")[1].split("\n")[0]) % 2 == 0 else "Score: 0.2"


@dataclass
class Server:
    """A judge's model that counts what it is sent, and fails where ``fails(prompt, number of the call)`` says so."""

    fails: Callable[[str, int], Exception | None]
    says: Callable[[str], str] = reply
    tokens: int = 1  # of a reply; as many as are allowed: it was cut off
    calls: int = 0
    sent: int = 0

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
        self.calls += 1
        for prompt in prompts:
            if (error := self.fails(prompt, self.calls)) is not None:
                raise error
        self.sent += len(prompts)
        return [Generation(texts=(self.says(prompt),), tokens=self.tokens) for prompt in prompts]


@dataclass(frozen=True)
class Settings:
    """Engine settings that open a given server."""

    server: Any = execution(None)
    opening: Any = execution(None)

    def open(self, ref: ModelRef, load: Any) -> Any:
        if self.opening is not None:
            raise self.opening
        return self.server


def up(prompt: str, call: int) -> None:
    return None


def down(prompt: str, call: int) -> Exception:
    return HonestyError("connection refused\nand more")


LLM: LlmJudge = config.load("judge", "cascade", ["judge.model.path=somewhere"])


def judging(server: Server, **changes: Any) -> LlmJudge:
    return replace(LLM, engine=Settings(server=server), model=None, **changes)


def written(cache: Cache, questions: Sequence[Question] = QUESTIONS) -> Artifact:
    """Return the artifact of one response a question: "It is thing3." to the third."""

    @dataclass(frozen=True)
    class Written:
        def open(self, ref: ModelRef, load: Any) -> Scripted:
            return Scripted(lambda prompt, index: f"It is thing{prompt.split()[2].rstrip('?')}.")

    return generate(cache, Engines(Written()), BASE, questions, Prompt.PLAIN, Sampling(), "t")


def labels(artifact: Artifact) -> list[Label | None]:
    return [one[0].verdict.label for one in answers(artifact)]


FINISHED = [Label.CORRECT if i % 2 == 0 else Label.WRONG for i in range(10)]
