"""Responses that state a confidence, for the tests: (confidence or None, right?) a response."""

from collections.abc import Sequence

from tables import missing

from honesty.metrics.levels import Levels, levels
from honesty.types import Outcome, Transition

RIGHT, WRONG = Outcome(1, True, True), Outcome(5, False, False)

Row = tuple[float | None, bool]


def stating(rows: Sequence[Row], declined: int = 0, unjudged: int = 0) -> tuple[Transition, dict[str, float]]:
    """The table and the confidences by id of these responses; ``declined`` more questions are declined."""
    ids = [f"q{number}" for number in range(len(rows))]
    outcomes = {
        RIGHT: tuple(name for name, (_, right) in zip(ids, rows, strict=True) if right),
        WRONG: tuple(name for name, (_, right) in zip(ids, rows, strict=True) if not right),
        Outcome(8, False, False): tuple(f"i{number}" for number in range(declined)),
    }
    table = Transition(
        outcomes={outcome: names for outcome, names in outcomes.items() if names},
        unjudged=missing(unjudged),
    )
    return table, {name: stated for name, (stated, _) in zip(ids, rows, strict=True) if stated is not None}


def leveled(rows: Sequence[Row]) -> Levels:
    return levels(*stating(rows))
