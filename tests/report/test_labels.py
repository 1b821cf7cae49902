"""Labels keep off one another and inside the frame."""

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from honesty.report.labels import Box, place, spread

FRAME = Box(x=0, y=0, width=700, height=500)


def overlaps(labels: list[Box]) -> float:
    return sum(one.overlap(other) for one, other in itertools.combinations(labels, 2))


def test_overlap_and_outside_by_hand() -> None:
    one, other = Box(x=0, y=0, width=10, height=10), Box(x=6, y=5, width=10, height=10)
    assert one.overlap(other) == 4 * 5
    assert one.overlap(Box(x=10, y=0, width=5, height=5)) == 0
    assert Box(x=-4, y=0, width=10, height=10).outside(FRAME) == 40


def test_a_cluster_of_seven_gets_seven_readable_labels() -> None:
    rng = random.Random(0)
    for _ in range(30):
        points = [(rng.uniform(30, 130), rng.uniform(100, 200)) for _ in range(7)]
        boxes = [label.box for label in place(points, ["confidence_verb"] * 7, FRAME)]
        assert overlaps(boxes) < 1e-6
        assert all(box.outside(FRAME) < 1e-6 for box in boxes)


def test_a_corner_label_stays_inside() -> None:
    (label,) = place([(699, 499)], ["unaligned"], FRAME)
    assert label.box.outside(FRAME) < 1e-9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 200), min_size=1, max_size=8))
def test_spread_keeps_the_gap_the_range_and_the_order(wanted: list[float]) -> None:
    heights = spread(wanted, 15, 0, 200)
    ordered = sorted(heights)
    assert all(b - a >= 15 - 1e-6 for a, b in itertools.pairwise(ordered))
    assert ordered[0] >= -1e-6
    assert ordered[-1] <= 200 + 1e-6
    assert all(heights[a] <= heights[b] for a, b in itertools.permutations(range(len(wanted)), 2) if wanted[a] < wanted[b])
