"""The 3x3 transition table: what became of every question between the unaligned and the aligned model.

Cells (columns before, rows after; paper, Table 1)::

    after \\ before   correct  wrong  idk
    correct              1       2     3
    wrong                4       5     6
    idk                  7       8     9
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from honesty.types import InputError, Label, Outcome, Pair, Transition

_ORDER = (Label.CORRECT, Label.WRONG, Label.IDK)
CELL = {(before, after): 3 * row + column for row, after in enumerate(_ORDER) for column, before in enumerate(_ORDER, start=1)}


def tabulate(pairs: Iterable[Pair]) -> Transition:
    """Put every pair of verdicts into its cell; a pair with a missing label is unjudged and in no cell.

    Raises:
        InputError: a question id occurs twice.
    """
    ids: dict[tuple[Label | None, Label | None, bool, bool, bool], list[str]] = defaultdict(list)
    for pair in pairs:
        before, after = pair.before, pair.after
        ids[before.label, after.label, before.loosely_correct, after.loosely_correct, pair.gold].append(pair.question_id)
    seen = Counter(question_id for group in ids.values() for question_id in group)
    if seen.total() != len(seen):
        twice = seen.most_common(1)[0][0]
        raise InputError(
            f"question id {twice!r} occurs {seen[twice]} times: every question is scored once, make the ids unique"
        )
    outcomes: dict[Outcome, tuple[str, ...]] = {}
    unjudged: list[str] = []
    for (before_label, after_label, *rest), group in ids.items():
        if before_label is None or after_label is None:
            unjudged.extend(group)
        else:
            outcomes[Outcome(CELL[before_label, after_label], *rest)] = tuple(group)
    return Transition(outcomes=dict(sorted(outcomes.items())), unjudged=tuple(unjudged))
