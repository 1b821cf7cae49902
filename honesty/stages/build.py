"""Knowledge to fine-tuning rows, by a strategy."""

from collections.abc import Iterable
from pathlib import Path

from honesty.cache import Artifact, Cache
from honesty.code import code_digest
from honesty.data.records import read_knowledge, write_examples
from honesty.interfaces import Strategy
from honesty.prompts import IDK
from honesty.stages.probe import lacking
from honesty.types import Example, HonestyError, Knowledge, ModelRef

VERSION = 1


def build(cache: Cache, ref: ModelRef, probe: Artifact, strategy: Strategy, name: str) -> Artifact:
    """Return the artifact whose ``examples.jsonl`` holds the rows ``strategy`` makes of a finished probe of ``ref``.

    The code of the strategy (and of the prompts it renders) is part of the key: an edited strategy is run again.

    Raises:
        InputError: the probe speaks of another model than ``ref``.
    """
    return cache.stage(
        "build",
        VERSION,
        identity={"strategy": strategy, "code": code_digest(strategy)},
        upstream={"probe": probe.digest},
        work=lambda scratch: _build(ref, probe, strategy, name, scratch),
        what=f"training rows by {name}",
    )


def examples(strategy: Strategy, knowledge: Iterable[Knowledge]) -> list[Example]:
    """Return the rows of every question in order."""
    return [example for row in knowledge for example in strategy(row)]


def _build(ref: ModelRef, probe: Artifact, strategy: Strategy, name: str, scratch: Path) -> dict[str, int]:
    knowledge = read_knowledge(probe.path / "knowledge.jsonl", model=ref.digest)
    rows = examples(strategy, knowledge)
    if not rows:
        unjudged = lacking(probe)
        raise HonestyError(
            f"strategy {name} made no training row out of {len(knowledge)} questions; nothing can be trained. "
            f"{f'{unjudged}. ' if unjudged else ''}Look at the probe's knowledge.jsonl: {probe.path}"
        )
    write_examples(scratch / "examples.jsonl", rows)
    return {"questions": len(knowledge), "rows": len(rows), "idk": sum(row.response == IDK for row in rows)}
