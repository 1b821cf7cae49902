"""Where the words of a plot go, so that none covers another or a mark. Pure geometry, in pixels, y downwards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

CHARACTER = 6.4  # mean width at the labels' 12 px, generous for a system font
HEIGHT = 15.0
RADII = (13.0, 22.0, 34.0, 48.0, 66.0, 90.0, 120.0, 160.0)
ANGLES = (0, 180, 330, 30, 210, 150, 300, 60, 270, 90, 240, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle; ``x``, ``y`` is its upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def overlap(self, other: "Box") -> float:
        """Return the shared area."""
        wide = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        high = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return max(0.0, wide) * max(0.0, high)

    def outside(self, frame: "Box") -> float:
        """Return the area that lies outside ``frame``."""
        return self.width * self.height - self.overlap(frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A placed word: its box, and the point a leader line goes to when it is far from its mark (None when it is near)."""

    text: str
    box: Box
    leader: tuple[float, float] | None


def place(points: Sequence[tuple[float, float]], texts: Sequence[str], frame: Box, taken: Sequence[Box] = ()) -> list[Label]:
    """Place one label a point, greedily: near its mark, inside ``frame``, off marks, other labels and ``taken`` boxes.

    Crowded points (many others near) go first, since they have the fewest places.
    """
    marks = [Box(x=x - 6, y=y - 6, width=12, height=12) for x, y in points]
    crowd = [sum(math.dist(one, other) < 60 for other in points) for one in points]
    placed: dict[int, Label] = {}
    for at in sorted(range(len(points)), key=lambda index: (-crowd[index], points[index][1], points[index][0], index)):
        solid = [*marks, *(label.box for label in placed.values())]
        best = min(
            _candidates(points[at], texts[at]), key=lambda candidate: _cost(candidate[0], candidate[1], frame, solid, taken)
        )
        radius, box = best
        leader = points[at] if radius > RADII[1] else None
        placed[at] = Label(text=texts[at], box=box, leader=leader)
    return [placed[at] for at in range(len(points))]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move heights apart so that neighbours keep ``gap``, staying in [low, high] and as near to ``wanted`` as that allows."""
    order = sorted(range(len(wanted)), key=lambda at: wanted[at])
    heights = [wanted[at] for at in order]
    for _ in range(60):
        for at in range(1, len(heights)):
            short = gap - (heights[at] - heights[at - 1])
            if short > 0:
                heights[at - 1] -= short / 2
                heights[at] += short / 2
        heights = [min(max(height, low), high) for height in heights]
    # clamping may have pressed some together: once down the list from the low end, once back from the high end
    for at in range(len(heights)):
        heights[at] = max(heights[at], heights[at - 1] + gap if at else low)
    for at in reversed(range(len(heights))):
        heights[at] = min(heights[at], heights[at + 1] - gap if at + 1 < len(heights) else high)
    result = [0.0] * len(wanted)
    for at, height in zip(order, heights, strict=True):
        result[at] = height
    return result


def _candidates(point: tuple[float, float], text: str) -> list[tuple[float, Box]]:
    width = CHARACTER * len(text) + 4
    found = []
    for radius in RADII:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            x, y = point[0] + radius * dx, point[1] + radius * dy
            left = x if dx > 0.4 else x - width if dx < -0.4 else x - width / 2
            found.append((radius, Box(x=left, y=y - HEIGHT / 2, width=width, height=HEIGHT)))
    return found


def _cost(radius: float, box: Box, frame: Box, solid: Sequence[Box], taken: Sequence[Box]) -> float:
    # covering a label or a mark even a little is worse than any distance, so it costs a lump sum as well
    hard = sum(400 + 10 * area for other in solid if (area := box.overlap(other)) > 0)
    soft = sum(box.overlap(other) for other in taken)
    return hard + 40 * box.outside(frame) + soft + radius
