"""Two files of responses to the same prompts, rated by a judge model: `honesty score --metrics helpfulness|harmlessness`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honesty.cache import Cache
from honesty.commands.sides import Side, check_same
from honesty.data.queries import kinds
from honesty.data.rows import Ids, read_rows
from honesty.interfaces import RatedSuite
from honesty.types import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The scores of two files, the same by what the prompts say of their kind, and how many prompts are (un)judged."""

    scores: Mapping[str, Score]
    slices: Mapping[str, Sequence[Mapping[str, Any]]]
    n: int
    unjudged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file: prompts, responses and slices by id."""

    side: Side
    slices: Mapping[str, Mapping[str, str]]


def score_rated(before: Path, after: Path, suite: RatedSuite, cache: Cache) -> Rating:
    """Rate both files' responses and score them.

    Rows have ``id``, ``prompt`` (or ``question``) and ``response``; what the first file says of a prompt's kind (``category``,
    ``scenario``) breaks the scores down.

    Raises:
        InputError: a fault in a file, ids that are in one file only, one id with two different prompts.
    """
    # imported here: stages that score load numpy, which the other suites must not before they fork
    from honesty.metrics.rated import by_slice
    from honesty.stages.generate import Engines
    from honesty.stages.rate import rate_rows

    first, second = _read(before), _read(after)
    check_same(first.side, second.side)
    found, engines = [], Engines(suite.judge.engine)
    for side in (first.side, second.side):
        rows = [(prompt, side.said[key]) for key, prompt in first.side.texts.items()]
        found.append(rate_rows(cache, rows, suite.judge, f"{len(rows):,} responses of {side.path.name}", engines))
    unjudged = sum(None in pair for pair in zip(*found, strict=True))
    slices = by_slice(suite, list(first.slices.values()), *found)
    return Rating(scores=suite.score(*found), slices=slices, n=len(found[0]) - unjudged, unjudged=unjudged)


def _read(path: Path) -> _File:
    ids, texts, said, slices = Ids(), {}, {}, {}
    for row in read_rows(path):
        key = ids.add(row.identifier("id", "question_id"), row)
        texts[key] = row.text("prompt" if "prompt" in row.fields else "question")
        said[key] = row.text("response")
        slices[key] = kinds(row)
    return _File(side=Side(path=path, verdicts={}, texts=texts, said=said), slices=slices)
