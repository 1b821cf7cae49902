"""Reads what finished jobs left behind: `result.json` of each, as frozen records.

A sweep is a directory whose sub-directories hold a `result.json` each; a single job's own directory is read as a sweep of one.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from honesty.types import InputError, Score

RESULT = "result.json"
OUTCOMES = "outcomes.jsonl"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One group of questions (all facts seen eight times, say) with its scores by name."""

    name: str
    n: int
    scores: Mapping[str, Score]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question with both responses, for reading. ``cell`` is None when it could not be judged, or they are rated."""

    id: str
    question: str
    answers: tuple[str, ...]
    before: str
    after: str
    cell: int | None
    rating_before: float | None = None
    rating_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One job on one evaluation set. ``controls`` maps a control (always_refuse, random_refuse) to its scores by name.

    ``curves`` are the rows of the reliability diagram and of the risk-coverage curve, where the run's metrics have them;
    ``notes`` say what of the scores is declared rather than measured. Where a judge model rated the responses to prompts there
    are no ``cells``.
    """

    dataset: str
    n: int
    unjudged: int
    cells: Mapping[int, int]
    scores: Mapping[str, Score]
    controls: Mapping[str, Mapping[str, Score]] = field(default_factory=dict)
    slices: Mapping[str, tuple[Slice, ...]] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    curves: Mapping[str, tuple[Mapping[str, float], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One line of the cost ledger.

    ``hit`` says the stage was found in the cache: this run spent nothing on it, and ``seconds`` and ``tokens`` are what it
    cost when it was made.
    """

    stage: str
    what: str
    seconds: float
    tokens: int | None
    hit: bool
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One finished run. A failed one has an ``error`` and no evaluations.

    ``paper`` is the backbone whose printed numbers it is set against, ``unmet`` what of its settings the data could not meet,
    by key; ``choices`` what was chosen of each group of conf/ and
    ``config`` the whole configuration, resolved (both empty in a result written before they were kept).
    """

    directory: Path
    status: str
    job: str
    strategy: str
    model: str
    dataset: str
    seed: int | None
    paper: str | None = None
    choices: Mapping[str, str | None] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    overrides: tuple[str, ...] = ()
    command: str = ""
    created: str = ""
    seconds: float | None = None
    evaluations: tuple[Evaluation, ...] = ()
    artifacts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unmet: Mapping[str, str] = field(default_factory=dict)
    ledger: tuple[Stage, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    dirty: bool | None = None

    @property
    def failed(self) -> bool:
        return self.status != "ok"

    @property
    def variant(self) -> str:
        """The job's label without its seed: jobs that share it differ in nothing else.

        "absolute threshold=0.3 seed=1" and "absolute threshold=0.3 seed=2" are both "absolute threshold=0.3".
        """
        label = re.sub(r"(?<!\S)seed=\S+,?", "", self.job)
        return re.sub(r"\s+", " ", label).strip(" ,") or self.strategy


def load(directory: Path) -> list[Job]:
    """Read every job of a sweep (or the one job ``directory`` itself is), in Hydra's job order.

    Labels are shortened to what differs between the jobs.

    Raises:
        InputError: ``directory`` is missing, holds no ``result.json``, or one of them cannot be read.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(f"{directory}: no such directory; give the directory of a finished sweep (outputs/multirun/...)")
    if (directory / RESULT).is_file():
        return [read(directory)]
    found = sorted((path.parent for path in directory.glob(f"*/{RESULT}")), key=_order)
    if not found:
        raise InputError(f"{directory}: no {RESULT} in it or in its sub-directories; has a job of this sweep finished?")
    return _shortened([read(job) for job in found])


def read(job_dir: Path) -> Job:
    """Read one job's ``result.json``.

    Raises:
        InputError: the file is missing, is not JSON, is of another format, or lacks a field.
    """
    path = job_dir / RESULT
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); run the job again") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg}); delete the directory or run the job again") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else type(raw).__name__
        raise InputError(f"{path}: format {found!r}, this version reads {FORMAT}; run the job again with this version")
    try:
        return _job(job_dir, raw)
    except KeyError as error:
        raise InputError(f"{path}: field {error} is missing; run the job again with this version") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: a field has the wrong type ({error}); run the job again with this version") from error


def outcomes(job: Job) -> dict[str, dict[str, dict[str, Any]]]:
    """Return a job's rows of ``outcomes.jsonl`` by evaluation set and question id ({} when it left none).

    Raises:
        InputError: a line is not JSON or lacks ``dataset`` or ``id``.
    """
    path = job.directory / OUTCOMES
    table: dict[str, dict[str, dict[str, Any]]] = {}
    if not path.is_file():
        return table
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                table.setdefault(row["dataset"], {})[row["id"]] = row
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise InputError(f"{path}:{number}: not a row with dataset and id ({error}); run the job again") from error
    return table


def _shortened(jobs: list[Job]) -> list[Job]:
    """Drop from the labels what all jobs of the sweep share ("world=tiny"), but never their first word, the strategy."""
    if len(jobs) < 2:
        return jobs
    shared = set.intersection(*(set(job.job.split()[1:]) for job in jobs))
    kept = ([word for at, word in enumerate(job.job.split()) if at == 0 or word not in shared] for job in jobs)
    return [replace(job, job=" ".join(words)) for job, words in zip(jobs, kept, strict=True)]


def _order(job_dir: Path) -> tuple[int, int | str]:
    # Hydra names job directories 0, 1, ... 10: numbers go by value, anything else after them by name.
    return (0, int(job_dir.name)) if job_dir.name.isdigit() else (1, job_dir.name)


def _job(directory: Path, raw: Mapping[str, Any]) -> Job:
    return Job(
        directory=directory,
        status=raw["status"],
        job=str(raw["job"]),
        strategy=raw["strategy"],
        model=raw["model"],
        dataset=raw["dataset"],
        seed=raw["seed"],
        paper=raw.get("paper"),
        choices=raw.get("choices", {}),
        config=raw.get("config", {}),
        error=raw.get("error"),
        overrides=tuple(raw.get("overrides", ())),
        command=raw.get("command", ""),
        created=raw.get("created", ""),
        seconds=raw.get("seconds"),
        evaluations=tuple(_evaluation(each) for each in raw.get("evaluations", ())),
        artifacts=raw.get("artifacts", {}),
        unmet={str(key): str(how) for key, how in raw.get("unmet", {}).items()},
        ledger=tuple(_stage(each) for each in raw.get("ledger", ())),
        versions=raw.get("versions", {}),
        commit=raw.get("commit"),
        dirty=raw.get("dirty"),
    )


def _evaluation(raw: Mapping[str, Any]) -> Evaluation:
    return Evaluation(
        dataset=raw["dataset"],
        n=raw["n"],
        unjudged=raw["unjudged"],
        cells={cell: raw["cells"][str(cell)] for cell in range(1, 10)} if raw["cells"] != {} else {},
        scores=_scores(raw["scores"]),
        controls={name: _scores(scores) for name, scores in raw.get("controls", {}).items()},
        slices={name: tuple(_slice(row) for row in rows) for name, rows in raw.get("slices", {}).items()},
        samples=tuple(_sample(each) for each in raw.get("samples", ())),
        curves={name: tuple(rows) for name, rows in raw.get("curves", {}).items()},
        notes=tuple(str(note) for note in raw.get("notes", ())),
    )


def _scores(raw: Mapping[str, Any]) -> dict[str, Score]:
    return {name: _score(name, value) for name, value in raw.items() if value is not None}


def _score(name: str, raw: Mapping[str, Any]) -> Score:
    return Score(
        name=name,
        value=_number(raw["value"]),
        n=int(raw["n"]),
        low=_number(raw["low"]),
        high=_number(raw["high"]),
        unjudged=raw.get("unjudged", 0),
        source=raw.get("source", ""),
        unit=raw.get("unit", "share"),
        least=_number(raw.get("least")),
        most=_number(raw.get("most")),
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _slice(raw: Mapping[str, Any]) -> Slice:
    scores = {name: value for name, value in raw.items() if name not in ("slice", "n")}
    return Slice(name=str(raw["slice"]), n=raw["n"], scores=_scores(scores))


def _sample(raw: Mapping[str, Any]) -> Sample:
    return Sample(
        id=str(raw["id"]),
        question=raw["question"],
        answers=tuple(raw["answers"]),
        before=raw["before"],
        after=raw["after"],
        cell=raw["cell"],
        rating_before=raw.get("rating_before"),
        rating_after=raw.get("rating_after"),
    )


def _stage(raw: Mapping[str, Any]) -> Stage:
    return Stage(
        stage=raw["stage"],
        what=raw.get("what", ""),
        seconds=float(raw.get("seconds", 0.0)),
        tokens=raw.get("tokens"),
        hit=raw["hit"],
        digest=raw.get("digest", ""),
    )
