"""The results page: one self-contained HTML file for one job or many (no network, no script)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honesty.report import calibration, paper
from honesty.report.curves import curves
from honesty.report.load import Job, Slice
from honesty.report.marks import styles
from honesty.report.pairs import Pairs
from honesty.report.plots import Point, beside, forest, legend, plane, point
from honesty.report.seeds import Group, datasets, groups
from honesty.report.table import (
    COMPARED,
    CONTROLS,
    LETTERS,
    MISSING,
    PAIRED,
    SCORES,
    by_slice,
    compared,
    extras,
    interval,
    itself,
    number,
    present,
)
from honesty.report.table import title as title_of
from honesty.report.terminal import probability
from honesty.types import Score

TEMPLATE = "page.html.j2"
DIRECT_LABELS = 14
PANELS = 12
DETAILED = ("prudence", "over_conservativeness", "accuracy", "known_to_wrong", "idk_rate", "prudence_fixed")
LISTED = 3  # distinct values of one kind in the footer; more are with their jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One small plot of scores by slice."""

    label: str
    style: int
    plot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variant in the comparison: its number, its mark, and its seeds."""

    number: int
    group: Group
    style: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Everything the page shows of one evaluation set."""

    dataset: str
    rated: bool
    headline: str
    compared: list[str]
    rows: tuple[Row, ...]
    plot: str
    numbered: bool
    several_seeds: bool
    undefined: tuple[str, ...]
    panels: tuple[Panel, ...]
    panels_left_out: int
    pairs: Pairs | None
    paper: tuple[paper.Beside, ...]
    asides: tuple[str, ...]
    controls: Mapping[str, Mapping[str, str]]
    unaligned: Score | None
    unaligned_range: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """One score of every variant on every evaluation set, for the sets side by side.

    ``shown`` are the sets, each with the score that is defined on it; a row's ``groups`` are a variant on each of them, None
    where it was not evaluated.
    """

    shown: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, int, tuple[Group | None, ...]], ...]


def write(jobs: Sequence[Job], path: Path, title: str, pairs: Mapping[str, Pairs] | None = None) -> Path:
    """Write the page; ``pairs`` holds the strategy-against-strategy tests by evaluation set."""
    path.write_text(render(jobs, title, pairs if pairs is not None else {}), encoding="utf-8")
    return path


def render(jobs: Sequence[Job], title: str, pairs: Mapping[str, Pairs]) -> str:
    """Return the page as HTML. All text of questions, responses, labels and errors is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _filters()
    style = styles(job.strategy for job in jobs)
    words = {"SCORES": SCORES, "CONTROLS": CONTROLS, "LETTERS": LETTERS, "BOUNDS": PAIRED}
    return environment.get_template(TEMPLATE).render(
        title=title,
        jobs=jobs,
        finished=[job for job in jobs if not job.failed],
        failed=[job for job in jobs if job.failed],
        sections=[section(jobs, dataset, style, pairs.get(dataset)) for dataset in datasets(jobs)],
        across=across(jobs, style),
        styles=style,
        MISSING=MISSING,
        unjudged=any(evaluation.unjudged for job in jobs for evaluation in job.evaluations),
        **words,
        provenance=provenance(jobs),
    )


def _filters() -> dict[str, Callable[..., Any]]:
    from markupsafe import Markup

    return {
        "percent": number,
        "interval": interval,
        "p": probability,
        "key": lambda style: Markup(legend(style)),
        "beside": lambda line: Markup(beside(line.ours, line.paper)),
        "by_slice": by_slice,
        "compared": compared,
        "points": paper.points,
        "called": paper.called,
        "forest": lambda score: Markup(forest(score)),
        "forest_spread": lambda spread: Markup(forest(None, spread)),
        "curves": lambda rows, name, label: Markup(curves(name, rows, label)),
        "stated": lambda evaluation: [(caption, Markup(plot)) for caption, plot in calibration.plots(evaluation.curves)],
        "itself": itself,
        "heat": heat,
        "thousands": "{:,}".format,
        "title_of": title_of,
        "core": lambda evaluation: present([evaluation], SCORES),
        "extra": lambda evaluation: extras([evaluation]),
        "duration": duration,
        "svg": Markup,
    }


def section(jobs: Sequence[Job], dataset: str, style: Mapping[str, int], pairs: Pairs | None) -> Section:
    """Return what the page shows of one evaluation set."""
    rows = tuple(Row(number=at, group=group, style=style[group.strategy]) for at, group in enumerate(groups(jobs, dataset), 1))
    numbered = len(rows) > DIRECT_LABELS
    points: list[Point] = []
    undefined = []
    for row in rows:
        found = point(row.group, str(row.number) if numbered else row.group.variant, row.style)
        if found is None:
            undefined.append(row.group.variant)
        else:
            points.append(found)
    before = [each.scores.get("accuracy_before") for row in rows for each in row.group.evaluations]
    sliced = [row for row in rows if row.group.evaluations[0].slices.get("exposure")]
    printed = paper.table(jobs, dataset)
    panels = tuple(_panel(row, row.group.evaluations[0].slices["exposure"]) for row in sliced[:PANELS])
    return Section(
        dataset=dataset,
        rated=not any(each.cells for row in rows for each in row.group.evaluations),
        headline=headline(rows),
        compared=[*DETAILED, *extras(evaluation for row in rows for evaluation in row.group.evaluations)],
        rows=rows,
        plot=plane(points, f"Prudence against over-conservativeness on {dataset}") if points else "",
        numbered=numbered,
        several_seeds=any(len(row.group.jobs) > 1 for row in rows),
        undefined=tuple(undefined),
        panels=panels,
        panels_left_out=len(sliced) - len(panels),
        pairs=pairs,
        paper=tuple(one for one in printed if one.row is not None),
        asides=paper.asides(printed),
        controls=_controls(rows),
        unaligned=before[0] if len(set(before)) == 1 else None,
        unaligned_range=_range(before),
    )


def across(jobs: Sequence[Job], style: Mapping[str, int]) -> Across | None:
    """Return the variants on all evaluation sets; None where there is one set or one job.

    On a set whose questions are declared known, or unknown, throughout, honesty is undefined: what stands there is the first
    of the compared scores that is not.
    """
    by_set = {dataset: {(each.strategy, each.variant): each for each in groups(jobs, dataset)} for dataset in datasets(jobs)}
    variants = list(dict.fromkeys(variant for found in by_set.values() for variant in found))
    if len(by_set) < 2 or sum(not job.failed for job in jobs) < 2:
        return None
    shown = tuple((dataset, _telling(list(found.values()))) for dataset, found in by_set.items())
    rows = tuple(
        (variant, style[strategy], tuple(found.get((strategy, variant)) for found in by_set.values()))
        for strategy, variant in variants
    )
    return Across(shown=shown, rows=rows)


def _telling(found: Sequence[Group]) -> str:
    names = [*COMPARED, *extras(evaluation for group in found for evaluation in group.evaluations)]
    return next((name for name in names if any(group.spread(name).mean is not None for group in found)), names[0])


def headline(rows: Sequence[Row]) -> str:
    """Return the finding of one evaluation set in a sentence or two: the most honest variant, and what it costs."""
    if not any(each.cells for row in rows for each in row.group.evaluations):
        return "Responses rated by a judge model, one by one. Nothing is known or unknown here, so there is no honesty score."
    if not present((each for row in rows for each in row.group.evaluations), ["honesty"]):
        return "Honesty is not among the metrics of this run; metrics=honesty on the same command adds it without new work."
    scored = [(spread.mean, row) for row in rows if (spread := row.group.spread("honesty")).mean is not None]
    count = rows[0].group.evaluations[0].n
    if not scored:
        return f"Honesty is undefined for every job ({count:,} questions judged): nothing was known, or nothing unknown."
    highest = max(mean for mean, _ in scored)
    if highest <= 0.5005:  # 50.0 as shown
        return f"No better than no skill: the highest honesty is {number(highest)}, what never or randomly declining scores."
    best = max(scored, key=lambda item: item[0])[1].group
    values = {name: number(best.spread(name).mean) for name in (*SCORES, "accuracy_before")}
    seeds = f", means over {len(best.jobs)} seeds" if len(best.jobs) > 1 else ""
    first = f"{best.variant} is the most honest" if len(rows) > 1 else f"{best.variant} scores honesty {values['honesty']}"
    score = f" at {values['honesty']}" if len(rows) > 1 else ""
    text = (
        f"{first}{score}{seeds}: it declines {values['prudence']} % of what the unaligned model could not answer and "
        f"{values['over_conservativeness']} % of what it could. Accuracy is {values['accuracy']} % after and "
        f"{values['accuracy_before']} % before."
    )
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def _controls(rows: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Return each control's scores in words; a control that follows the job (refusing as often) spans a range."""
    shown: dict[str, dict[str, str]] = {}
    evaluations = [evaluation for row in rows for evaluation in row.group.evaluations]
    for control, title in CONTROLS.items():
        for name in SCORES:
            scores = [each.controls.get(control, {}).get(name) for each in evaluations]
            if any(score is not None and score.value is not None for score in scores):
                shown.setdefault(title, {})[name] = _range(scores)
    return shown


def _range(scores: Sequence[Score | None]) -> str:
    values = [score.value for score in scores if score is not None and score.value is not None]
    return " to ".join(dict.fromkeys((number(min(values)), number(max(values))))) if values else MISSING


def heat(count: int, total: int) -> str:
    """Return the strength of a cell's tint in the 3x3 table, 0 to 1 as text."""
    return f"{(count / total) ** 0.5 if total else 0.0:.2f}"


def duration(seconds: float | None) -> str:
    """Return a time for people: "8.1 s", "1 min 33 s"."""
    if seconds is None:
        return MISSING
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def provenance(jobs: Sequence[Job]) -> dict[str, list[str]]:
    """Return what the page says of its origin, each distinct value once: commit, versions, time, commands, artifacts."""
    commits = [f"{job.commit if job.commit is not None else 'no commit'}{' + changes' if job.dirty else ''}" for job in jobs]
    versions = [", ".join(f"{name} {version}" for name, version in job.versions.items()) for job in jobs]
    found = {
        "commit": commits,
        "versions": versions,
        "started": [job.created for job in jobs][:1],
        "command": _few(job.command for job in jobs if job.command),
        "artifacts": _artifacts(jobs),
    }
    return {name: [value for value in dict.fromkeys(values) if value] for name, values in found.items()}


def _few(values: Iterable[str]) -> list[str]:
    distinct = list(dict.fromkeys(values))
    if len(distinct) <= LISTED:
        return distinct
    return [distinct[0], f"and {len(distinct) - 1} others, each with its job above"]


def _artifacts(jobs: Sequence[Job]) -> list[str]:
    """Return the digests of each kind of artifact in a line: "model aaaaaaaaaaaa"."""
    digests: dict[str, dict[str, None]] = {}
    for job in jobs:
        for name, artifact in job.artifacts.items():
            digests.setdefault(name, {})[artifact["digest"][:12]] = None
    return [f"{name} {', '.join(_few(found))}" for name, found in digests.items()]


def _panel(row: Row, rows: Sequence[Slice]) -> Panel:
    job = row.group.jobs[0]
    label = row.group.variant if len(row.group.jobs) == 1 else f"{row.group.variant}, seed {job.seed}"
    return Panel(label=label, style=row.style, plot=curves("exposure", rows, f"{label}: scores by exposure"))
