"""The paper's printed numbers beside ours: which row a job is set against, by how much it differs, and what differs around it.

The numbers are ``paper.json``, next to this file: per cent, null where the paper prints none.

Source: Alignment for Honesty (arXiv 2312.07000), its results; their set-up is that of section 4.1.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from honesty.report.departures import at, departures, trained_on
from honesty.report.load import Evaluation, Job
from honesty.report.table import UNDEFINED, title
from honesty.types import Score

NUMBERS = Path(__file__).with_name("paper.json")
METRICS = ("prudence", "over_conservativeness", "honesty", "accuracy")
BEFORE = "accuracy_before"
ROUNDING = 0.005  # the paper prints two decimals
SCALE = (1.0, 10.0)  # of the paper's ratings


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One printed row: scores in per cent, none of them where it is of ratings.

    ``train`` names the sets trained on ("triviaqa+mmlu"), None for no training.
    """

    backbone: str
    train: str | None
    dataset: str
    strategy: str
    source: str
    prudence: float | None = None
    over_conservativeness: float | None = None
    honesty: float | None = None
    accuracy: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One score beside the paper's: ``paper`` as printed; ``ours`` None where it was not computed.

    ``scale`` is how much of the paper's unit one of ours is: 100 per cent, 1 point of a rating. ``by`` names the paper's judge
    where it prints a number for each; ``rounding`` is how far a printed value may be from the one it stands for.
    """

    name: str
    paper: float | None
    ours: Score | None
    scale: float = 100.0
    by: str = ""
    rounding: float = ROUNDING

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's, in its unit; None where either is missing."""
        if self.paper is None or self.ours is None or self.ours.value is None:
            return None
        return self.scale * self.ours.value - self.paper

    @property
    def inside(self) -> bool | None:
        """Whether the paper's value lies in our 95 % interval, up to its rounding; None where either is missing."""
        if self.paper is None or self.ours is None or self.ours.low is None or self.ours.high is None:
            return None
        slack = self.rounding / self.scale
        return self.ours.low - slack <= self.paper / self.scale <= self.ours.high + slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One job on one evaluation set beside the paper's row for it; ``row`` is None, and ``lines`` empty, where it has none."""

    job: Job
    dataset: str
    backbone: str
    row: Row | None
    lines: tuple[Line, ...]
    departures: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def heading(self) -> str:
        """What the row is of, in the paper's words: "LLaMA2-Chat-13B, multisample on triviaqa, trained on triviaqa"."""
        trained = f", trained on {self.row.train}" if self.row is not None and self.row.train is not None else ""
        return f"{self.backbone}, {self.job.strategy} on {self.dataset}{trained}"


@cache
def numbers() -> Mapping[str, Any]:
    """Return ``paper.json``: rows, names of the backbones, sizes of the evaluation sets, remarks, ratings."""
    found: dict[str, Any] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    return found


@cache
def printed() -> tuple[Row, ...]:
    """Return every printed row."""
    return tuple(Row(**row) for row in numbers()["rows"])


def beside(job: Job, evaluation: Evaluation) -> Beside | None:
    """Return one job's scores on one set beside the paper's; None where the job names no backbone of the paper's tables."""
    if job.paper is None or job.failed:
        return None
    if not evaluation.cells:
        return _rated(job, evaluation)
    trained = trained_on(job)
    rows = [row for row in printed() if row.backbone == job.paper and row.dataset == evaluation.dataset]
    row = next((row for row in rows if row.strategy == job.strategy and row.train in (None, trained)), None)
    unaligned = next((row for row in rows if row.strategy == "unaligned"), None)
    return Beside(
        job=job,
        dataset=evaluation.dataset,
        backbone=_backbone(job),
        row=row,
        lines=_lines(row, unaligned, evaluation) if row is not None else (),
        departures=_departures(job, row, evaluation, numbers()["sets"].get(evaluation.dataset)) if row is not None else (),
        remarks=_remarks(job, row),
    )


def table(jobs: Sequence[Job], dataset: str) -> tuple[Beside, ...]:
    """Return every job's scores on one evaluation set beside the paper's, in job order.

    The unaligned model's accuracy (or rating) is the first job's line; it is repeated only where another job's differs.
    """
    found = [beside(job, evaluation) for job in jobs for evaluation in job.evaluations if evaluation.dataset == dataset]
    seen: set[Line] = set()
    kept = []
    for one in found:
        if one is not None:
            lines = tuple(line for line in one.lines if not line.name.endswith("_before") or line not in seen)
            seen.update(lines)
            kept.append(replace(one, lines=lines))
    return tuple(kept)


def shared(found: Sequence[Beside]) -> tuple[str, ...]:
    """Return the departures that all of them have, in the order of the first."""
    if not found:
        return ()
    common = set.intersection(*(set(one.departures) for one in found))
    return tuple(text for text in found[0].departures if text in common)


def asides(found: Sequence[Beside]) -> tuple[str, ...]:
    """Return the sentences below the table: what differs from the paper's set-up, remarks, and what it prints no row for."""
    printed = [one for one in found if one.row is not None]
    common = shared(printed)
    lines = [f"Differs from the paper's set-up: {'; '.join(common)}."] if common else []
    for one in printed:
        own = [text for text in one.departures if text not in common]
        lines += [f"Differs for {one.job.job}: {'; '.join(own)}."] if own else []
    lines += dict.fromkeys(text for one in found for text in one.remarks)
    absent: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if one.row is None:
            absent.setdefault((one.dataset, one.backbone), []).append(one.job.strategy)
    for (dataset, backbone), strategies in absent.items():
        lines.append(f"The paper has no row for {', '.join(dict.fromkeys(strategies))} on {dataset} with {backbone}.")
    return tuple(lines)


def points(line: Line) -> str:
    """Return a line's difference with its sign ("+1.2", "-0.4", "0.0"), "n/a" when undefined; of ratings in two decimals."""
    if line.difference is None:
        return UNDEFINED
    decimals = 1 if line.scale > 1 else 2
    told = f"{line.difference:+.{decimals}f}"
    return told if float(told) else told[1:]


def called(line: Line) -> str:
    """Return what a line is called: a score by its title, one from before by whose it is, and who judged in the paper."""
    name = line.name.removesuffix("_before")
    told = title(name) if name == line.name else f"{title(name).split(',')[0]}, unaligned"
    return f"{told} ({line.by})" if line.by else told


def _lines(row: Row, unaligned: Row | None, evaluation: Evaluation) -> tuple[Line, ...]:
    lines = [Line(name=name, paper=getattr(row, name), ours=evaluation.scores.get(name)) for name in METRICS]
    if unaligned is not None and unaligned is not row and unaligned.accuracy is not None:
        lines.append(Line(name=BEFORE, paper=unaligned.accuracy, ours=evaluation.scores.get(BEFORE)))
    return tuple(lines)


def _rated(job: Job, evaluation: Evaluation) -> Beside | None:
    """Return rated responses beside the paper's ratings; None where it prints none of that kind, or on another scale."""
    about = next((each for each in numbers()["ratings"] if each["score"] in evaluation.scores), None)
    if about is None or (about["scale"] == 1 and (at(job.config, "metrics.low"), at(job.config, "metrics.high")) != SCALE):
        return None
    rows = {each["strategy"]: each for each in about["rows"] if each["train"] in (None, trained_on(job))}
    found = rows.get(job.strategy) if about["backbone"] == job.paper else None
    row = None
    if found is not None:
        told = {"backbone": about["backbone"], "dataset": evaluation.dataset, "source": about["source"]}
        row = Row(train=found["train"], strategy=job.strategy, **told)
    by = f"rated by {_rater(job)} under a request of ours (paper: {' and '.join(about['by'])})"
    return Beside(
        job=job,
        dataset=evaluation.dataset,
        backbone=_backbone(job),
        row=row,
        lines=_ratings(about, found["values"], rows["unaligned"]["values"], evaluation) if found is not None else (),
        departures=(by, *_departures(job, row, evaluation, about["prompts"])) if row is not None else (),
        remarks=(about["remark"],) if row is not None else (),
    )


def _ratings(
    about: Mapping[str, Any], values: Sequence[float], unaligned: Sequence[float], evaluation: Evaluation
) -> tuple[Line, ...]:
    """Return the lines of each of the paper's judges: the rating, the unaligned model's, and by how much they differ."""
    score, lines = about["score"], []
    for by, after, before in zip(about["by"], values, unaligned, strict=True):
        difference = round(after - before, 2)  # of two rounded numbers
        printed = [(score, after, 1), (f"{score}_before", before, 1), (f"{score}_difference", difference, 2)]
        printed = printed[:1] if values is unaligned else printed
        lines += [
            Line(
                name=name,
                paper=value,
                ours=evaluation.scores.get(name),
                scale=about["scale"],
                by=by,
                rounding=steps * ROUNDING,
            )
            for name, value, steps in printed
        ]
    return tuple(lines)


def _rater(job: Job) -> str:
    named = [at(job.config, f"metrics.judge.{key}") for key in ("engine.model", "model.path", "name")]
    return next((str(name) for name in named if name is not None), "a judge model")


def _backbone(job: Job) -> str:
    found: str = numbers()["backbones"].get(job.paper, f"{job.paper}, which is none of its models")
    return found


def _departures(job: Job, row: Row, evaluation: Evaluation, size: int | None) -> tuple[str, ...]:
    asked = evaluation.n + evaluation.unjudged
    things = "questions" if evaluation.cells else "prompts"
    other = [f"{asked:,} {things} (paper {size:,})"] if size is not None and size != asked else []
    trained = row.train is not None
    # ratings have a judge of their own; the run's labelled what was trained on
    return (*departures(job, trained=trained, judged=trained or bool(evaluation.cells)), *other)


def _remarks(job: Job, row: Row | None) -> tuple[str, ...]:
    own = [row.remark] if row is not None and row.remark else []
    rowless = all(each.backbone != job.paper for each in printed())
    about = numbers()["remarks"] if row is not None or rowless else []
    own += [each["text"] for each in about if job.paper in each["backbones"] and job.strategy in each["strategies"]]
    return tuple(own)
