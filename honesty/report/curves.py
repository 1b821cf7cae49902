"""Scores by slice (how often the model saw a fact) as inline SVG: before and after alignment, with 95 % intervals."""

from collections.abc import Sequence

from honesty.report.labels import spread
from honesty.report.load import Slice
from honesty.report.marks import line, mark, svg, words
from honesty.report.table import number

WIDTH, HEIGHT = 420.0, 270.0
LEFT, TOP, RIGHT, BOTTOM = 34.0, 12.0, 124.0, 44.0

# score, words, class, shape of the mark
SERIES = (
    ("accuracy_before", "accuracy before", "s0", 0),
    ("expected_accuracy_before", "expected, before", "s1", 4),
    ("accuracy", "accuracy after", "s2", 3),
    ("expected_accuracy", "expected, after", "s5", 5),
    ("idk_rate_before", "idk before", "s3", 2),
    ("idk_rate", "idk after", "s4", 1),
)


def curves(name: str, rows: Sequence[Slice], title: str) -> str:
    """Draw every score that the slices have, one line each, named at its right end."""
    drawn = [series for series in SERIES if any(_value(row, series[0]) is not None for row in rows)]
    # a line that lies on zero everywhere says nothing a word in the table does not
    drawn = [series for series in drawn if series[0] != "idk_rate_before" or any(_value(row, series[0]) for row in rows)]
    right = WIDTH - RIGHT
    step = (right - LEFT) / max(len(rows), 1)
    xs = [LEFT + step * (at + 0.5) for at in range(len(rows))]
    parts = [_axes(name, rows, xs, right)]
    for offset, series in enumerate(drawn):
        shift = (offset - (len(drawn) - 1) / 2) * min(3.5, step / 12)
        parts.append(_series(series, rows, [x + shift for x in xs]))
    parts.append(_names(drawn, rows, xs, right))
    return svg(WIDTH, HEIGHT, title, _spoken(drawn, rows), "".join(parts), "curves")


def _y(value: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value)


def _value(row: Slice, name: str) -> float | None:
    score = row.scores.get(name)
    return None if score is None else score.value


def _axes(name: str, rows: Sequence[Slice], xs: Sequence[float], right: float) -> str:
    parts = []
    for tick in (0, 25, 50, 75, 100):
        parts.append(line("grid", LEFT, _y(tick / 100), right, _y(tick / 100)))
        parts.append(words("tick", LEFT - 7, _y(tick / 100), str(tick), "end"))
    every = -(-len(rows) // 12)  # more names than that would run into each other
    for at, (row, x) in enumerate(zip(rows, xs, strict=True)):
        if at % every == 0:
            parts.append(words("tick", x, HEIGHT - BOTTOM + 14, row.name[:12], "middle"))
    parts.append(words("axis", (LEFT + right) / 2, HEIGHT - 10, f"{name}, score in %", "middle"))
    return "".join(parts)


def _series(series: tuple[str, str, str, int], rows: Sequence[Slice], xs: Sequence[float]) -> str:
    name, _, kind, shape = series
    parts, path, pen = [], [], "M"
    for row, x in zip(rows, xs, strict=True):
        score = row.scores.get(name)
        if score is None or score.value is None:
            pen = "M"  # a gap, not a line through what is not known
            continue
        path.append(f"{pen}{x:.1f} {_y(score.value):.1f}")
        pen = "L"
        if score.low is not None and score.high is not None:
            parts.append(line(f"whisker {kind}", x, _y(score.low), x, _y(score.high)))
        parts.append(mark(shape, x, _y(score.value), size=3.6, extra=kind))
    return f'<path class="curve {kind}" d="{" ".join(path)}"/>' + "".join(parts)


def _names(drawn: Sequence[tuple[str, str, str, int]], rows: Sequence[Slice], xs: Sequence[float], right: float) -> str:
    ends = []
    for name, text, kind, shape in drawn:
        last = [(x, value) for row, x in zip(rows, xs, strict=True) if (value := _value(row, name)) is not None][-1]
        ends.append((_y(last[1]), text, kind, shape))
    heights = spread([end[0] for end in ends], 15.0, TOP, HEIGHT - BOTTOM)
    parts = []
    for height, (_, text, kind, shape) in zip(heights, ends, strict=True):
        parts.append(mark(shape, right + 8, height, size=3.6, extra=kind))
        parts.append(words(f"name {kind}", right + 17, height, text))
    return "".join(parts)


def _spoken(drawn: Sequence[tuple[str, str, str, int]], rows: Sequence[Slice]) -> str:
    said = []
    for name, text, _, _ in drawn:
        said.append(f"{text}: " + ", ".join(f"{row.name} {number(_value(row, name))}" for row in rows))
    return "; ".join(said) + "."
