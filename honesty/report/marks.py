"""Colour and shape of each strategy, the same in every plot and table. Colours are CSS classes: they follow the theme."""

from collections.abc import Iterable
from html import escape
from math import cos, pi, sin

FIXED = {
    "unaligned": 0,
    "fine_tuned": 1,
    "prompt_based": 2,
    "absolute": 3,
    "confidence_num": 4,
    "confidence_verb": 5,
    "multisample": 6,
}
COUNT = 9
SIZE = 5.5


def styles(strategies: Iterable[str]) -> dict[str, int]:
    """Return a number 0..8 for each strategy: its colour class and its shape. The paper's seven always keep theirs."""
    found = dict.fromkeys(strategies)
    others = [name for name in found if name not in FIXED]
    return {name: FIXED[name] if name in FIXED else (7 + others.index(name)) % COUNT for name in found}


def mark(style: int, x: float, y: float, size: float = SIZE, extra: str = "") -> str:
    """Return one SVG mark centred at (x, y)."""
    attributes = f'class="mark c{style}{" " + extra if extra else ""}"'
    if style == 0:
        return f'<circle {attributes} cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"/>'
    corners = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in _SHAPES[style])
    return f'<polygon {attributes} points="{corners}"/>'


def _regular(corners: int, turn: float = -pi / 2, radius: float = 1.15) -> list[tuple[float, float]]:
    return [(radius * cos(turn + 2 * pi * at / corners), radius * sin(turn + 2 * pi * at / corners)) for at in range(corners)]


def _star(points: int, inner: float) -> list[tuple[float, float]]:
    radii = (1.35, 1.35 * inner)
    return [
        (radii[at % 2] * cos(-pi / 2 + pi * at / points), radii[at % 2] * sin(-pi / 2 + pi * at / points))
        for at in range(2 * points)
    ]


_SHAPES: dict[int, list[tuple[float, float]]] = {
    1: _regular(4, turn=pi / 4, radius=1.25),  # square
    2: _regular(3, turn=pi / 2, radius=1.35),  # triangle, point down
    3: _regular(3, radius=1.35),  # triangle, point up
    4: _regular(4, radius=1.3),  # diamond
    5: _regular(6, radius=1.2),  # hexagon
    6: _star(5, 0.45),  # star
    7: _star(4, 0.4),  # four-pointed star
    8: _regular(5, radius=1.25),  # pentagon
}


def svg(width: float, height: float, title: str, description: str, body: str, kind: str) -> str:
    """Return one accessible SVG: it scales with the page, and its title and description are read out."""
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}" '
        f'xmlns="http://www.w3.org/2000/svg"><title>{escape(title)}</title><desc>{escape(description)}</desc>{body}</svg>'
    )


def line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """Return one SVG line of class ``kind``."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def words(kind: str, x: float, y: float, text: str, anchor: str = "start", extra: str = "") -> str:
    """Return one SVG text of class ``kind``, vertically centred on ``y``."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" dy=".35em" text-anchor="{anchor}"{extra}>{escape(text)}</text>'
