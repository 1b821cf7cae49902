"""Where a run's curves and scores go besides its own directory. The only module that imports wandb, and only when asked to.

A settings record (the yaml of `logger=`) opens one tracker a job, as a context manager, so that every run is finished
whatever happens:

    with settings.open(job) as tracker:
        tracker.curve("fit", rows)
        tracker.result(result)          # the dict that is written to result.json
"""

import csv
import http.client
import netrc
import os
import shlex
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from honesty.progress import console
from honesty.specs import execution, require
from honesty.types import HonestyError, InputError

REACH_SECONDS = 4.0
INIT_SECONDS = 20.0
FINISH_SECONDS = 120.0

SAMPLE_COLUMNS = ("dataset", "id", "cell", "question", "answers", "before", "after")
CELL_COLUMNS = ("dataset", "after", "before correct", "before wrong", "before idk")
SCORE_COLUMNS = ("dataset", "score", "value", "n", "low", "high", "unjudged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a tracker is told of one job before it starts. ``config`` is plain data; ``group`` is the sweep (None: a single run)."""

    directory: Path
    name: str
    group: str | None = None
    job_type: str = "train"
    tags: Sequence[str] = ()
    config: Mapping[str, Any] = field(default_factory=dict)


class Tracker(Protocol):
    """One open run."""

    def curve(self, name: str, rows: Iterable[Mapping[str, float]]) -> None:
        """Log the rows of one training curve (``name`` is the stage: pretrain, fit); each row has ``step`` and its values."""
        ...

    def result(self, result: Mapping[str, Any]) -> None:
        """Log the scores, the transition tables and the sample responses of a ``result.json``."""
        ...

    def finish(self, exit_code: int) -> None:
        """Close the run: 0 for success, anything else for failure. Closing twice does nothing."""
        ...


class Settings(Protocol):
    """What `logger=` builds."""

    def open(self, job: Job) -> Any:
        """Return a context manager that yields the job's Tracker and finishes it in every case."""
        ...

    def comparison(self, sweep_dir: Path, rows: Sequence[Mapping[str, Any]], *, group: str, page: Path | None = None) -> None:
        """Log the comparison of a whole sweep: ``rows`` as in ``comparison.csv``, and the page."""
        ...


@dataclass(frozen=True, kw_only=True)
class Off:
    """No tracking."""

    @contextmanager
    def open(self, job: Job) -> Iterator[Tracker]:
        yield _Silent()

    def comparison(self, sweep_dir: Path, rows: Sequence[Mapping[str, Any]], *, group: str, page: Path | None = None) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Csv:
    """CSV files in the job's directory: ``curve_<stage>.csv``, ``scores.csv``, ``cells.csv``, ``samples.csv``."""

    @contextmanager
    def open(self, job: Job) -> Iterator[Tracker]:
        yield _Files(job.directory)

    def comparison(self, sweep_dir: Path, rows: Sequence[Mapping[str, Any]], *, group: str, page: Path | None = None) -> None:
        """Do nothing: ``comparison.csv`` is written by the report."""


@dataclass(frozen=True, kw_only=True)
class Wandb:
    """Weights & Biases. Every ``WANDB_*`` variable keeps its meaning; a field set here wins over it.

    ``mode`` auto: what WANDB_MODE says, else online when a key is found (WANDB_API_KEY, netrc) and the server answers
    within seconds, else offline. It never asks for a key.
    """

    project: str | None = execution(None)
    entity: str | None = execution(None)
    mode: Literal["auto", "online", "offline", "disabled"] = execution("auto")
    tags: tuple[str, ...] = execution(())

    def __post_init__(self) -> None:
        modes = ("auto", "online", "offline", "disabled")
        require(self.mode in modes, f"mode is one of {', '.join(modes)}, not {self.mode!r}")

    @contextmanager
    def open(self, job: Job) -> Iterator[Tracker]:
        """Open the job's run.

        Raises:
            InputError: mode is online by name and there is no API key.
            HonestyError: mode is online by name and the server cannot be reached.
        """
        with _data_under(job.directory):
            tracker = _start(self, job)
            exit_code = 1
            try:
                yield tracker
                exit_code = 0
            finally:
                tracker.finish(exit_code)

    def comparison(self, sweep_dir: Path, rows: Sequence[Mapping[str, Any]], *, group: str, page: Path | None = None) -> None:
        """Log one run of job_type "comparison" in the sweep's group: the table, and the page."""
        tags = sorted({str(row[key]) for row in rows for key in ("model", "dataset") if row.get(key) is not None})
        job = Job(directory=sweep_dir, name=f"comparison {group}", group=group, job_type="comparison", tags=tags)
        with self.open(job) as tracker:
            if isinstance(tracker, _Run):
                tracker.comparison(rows, page)


def comparison(
    sweep_dir: Path, rows: Sequence[Mapping[str, Any]], settings: Settings, group: str, page: Path | None = None
) -> None:
    """Log the comparison of a finished sweep with the tracker the sweep used."""
    settings.comparison(sweep_dir, rows, group=group, page=page)


class _Silent:
    def curve(self, name: str, rows: Iterable[Mapping[str, float]]) -> None:
        pass

    def result(self, result: Mapping[str, Any]) -> None:
        pass

    def finish(self, exit_code: int) -> None:
        pass


class _Files:
    """CSV files of one job."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def curve(self, name: str, rows: Iterable[Mapping[str, float]]) -> None:
        rows = list(rows)
        columns = list(dict.fromkeys(["step", *(key for row in rows for key in row)]))
        self._write(f"curve_{name}.csv", columns, ([row.get(key) for key in columns] for row in rows))

    def result(self, result: Mapping[str, Any]) -> None:
        self._write("scores.csv", SCORE_COLUMNS, _score_rows(result))
        self._write("cells.csv", CELL_COLUMNS, _cell_rows(result))
        self._write("samples.csv", SAMPLE_COLUMNS, _sample_rows(result))

    def finish(self, exit_code: int) -> None:
        pass

    def _write(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        with (self._directory / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(rows)


class _Run:
    """One W&B run."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._open = True

    def curve(self, name: str, rows: Iterable[Mapping[str, float]]) -> None:
        # Each stage counts its own steps: W&B's global step only grows, and a second curve would be dropped.
        self._run.define_metric(f"{name}/step", hidden=True)
        self._run.define_metric(f"{name}/*", step_metric=f"{name}/step")
        for row in rows:
            self._run.log({f"{name}/{key}": value for key, value in row.items()})

    def result(self, result: Mapping[str, Any]) -> None:
        import wandb

        evaluations = result.get("evaluations", ())
        for evaluation in evaluations:
            prefix = f"{evaluation['dataset']}/"
            for name, score in evaluation["scores"].items():
                self._run.summary.update({f"{prefix}{name}{part}": score[key] for part, key in _PARTS if score is not None})
            self._run.summary.update({f"{prefix}n": evaluation["n"], f"{prefix}unjudged": evaluation["unjudged"]})
            self._run.summary.update({f"{prefix}cell_{cell}": count for cell, count in evaluation["cells"].items()})
        if evaluations:
            self._run.log(
                {
                    "transition": wandb.Table(columns=list(CELL_COLUMNS), data=_cell_rows(result)),
                    "samples": wandb.Table(columns=list(SAMPLE_COLUMNS), data=_sample_rows(result)),
                }
            )

    def comparison(self, rows: Sequence[Mapping[str, Any]], page: Path | None) -> None:
        import wandb

        logged: dict[str, Any] = {}
        if rows:
            columns = list(rows[0])
            logged["comparison"] = wandb.Table(columns=columns, data=[[row.get(key) for key in columns] for row in rows])
        if page is not None and page.is_file():
            logged["page"] = wandb.Html(str(page), inject=False)
        self._run.log(logged)

    def finish(self, exit_code: int) -> None:
        if self._open:
            self._open = False
            self._run.finish(exit_code=exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How a run will be opened: the mode, the key to use, and why it is offline (None when it is not)."""

    mode: str
    key: str | None = None
    why: str | None = None


def _start(settings: Wandb, job: Job) -> Tracker:
    asked = settings.mode if settings.mode != "auto" else os.environ.get("WANDB_MODE", "")
    asked = {"dryrun": "offline", "run": "online"}.get(asked, asked)
    if asked == "disabled":
        return _Silent()
    if asked == "offline":
        return _offline(settings, job, "as asked")
    plan = _plan(asked)
    if plan.why is not None:
        return _offline(settings, job, plan.why)
    return _online(settings, job, plan, must=bool(asked))


def _plan(asked: str) -> _Plan:
    """Find the key and see whether the server answers; ``asked`` is "" when the user left the choice to us."""
    import wandb

    session = wandb.setup(settings=wandb.Settings(**_quiet())).settings
    if not asked and session.mode != "online":  # `wandb offline` or `wandb disabled` was run here once
        return _Plan(mode="offline", why=f"W&B settings say {session.mode}")
    if session.identity_token_file is None and (key := _key(session.api_key, session.base_url)) is None:
        if asked:
            raise InputError(
                "logger.mode (or WANDB_MODE) is online, but there is no W&B API key: set WANDB_API_KEY, or use logger.mode=auto"
            )
        return _Plan(mode="offline", why="no API key found")
    elif not _reachable(session.base_url):
        if asked:
            raise HonestyError(f"{session.base_url} does not answer and mode is online; use logger.mode=auto or offline")
        return _Plan(mode="offline", why=f"{session.base_url} does not answer")
    return _Plan(mode=asked if asked else "online", key=key if session.identity_token_file is None else None)


def _online(settings: Wandb, job: Job, plan: _Plan, must: bool) -> Tracker:
    import wandb

    try:
        run = _init(settings, job, plan.mode, plan.key)
    except (wandb.errors.Error, TimeoutError, ValueError) as error:
        reason = " ".join(str(error).split())
        if must:
            raise HonestyError(f"W&B could not be started online ({reason}); use logger.mode=auto or offline") from error
        return _offline(settings, job, f"it could not be started online ({reason})")
    console.print(f"W&B: {run.url}", soft_wrap=True)
    return _Run(run)


def _offline(settings: Wandb, job: Job, why: str) -> Tracker:
    run = _init(settings, job, "offline", None)
    # one line, never broken: it is copied
    synced = shlex.quote(str(Path(run.dir).parent))
    console.print(f"W&B: offline, {why}; to upload: wandb sync {synced}", soft_wrap=True, markup=False)
    return _Run(run)


def _init(settings: Wandb, job: Job, mode: str, key: str | None) -> Any:
    import wandb

    env = os.environ
    project = settings.project if settings.project is not None else env.get("WANDB_PROJECT", "honesty")
    tags = [*job.tags, *settings.tags, *filter(None, env.get("WANDB_TAGS", "").split(","))]
    quiet = _quiet()
    if key is not None:
        quiet["api_key"] = key
    return wandb.init(
        project=project,
        entity=settings.entity,
        dir=None if env.get("WANDB_DIR") else str(job.directory.resolve()),
        name=env.get("WANDB_NAME", job.name),
        group=env.get("WANDB_RUN_GROUP", job.group),
        job_type=env.get("WANDB_JOB_TYPE", job.job_type),
        tags=list(dict.fromkeys(tag[:64] for tag in tags)),
        config=dict(job.config),
        mode=mode,
        reinit="create_new",
        settings=wandb.Settings(**quiet),
    )


def _quiet() -> dict[str, Any]:
    """Return the settings that keep W&B quick and silent, less those the user set by WANDB_* variables."""
    wanted: dict[str, Any] = {
        "silent": True,
        "console": "off",
        "disable_git": True,
        "save_code": False,
        "init_timeout": INIT_SECONDS,
        "finish_timeout": FINISH_SECONDS,
        "login_timeout": 1,
        "x_disable_stats": True,
        "x_disable_machine_info": True,
        "x_save_requirements": False,
    }
    variables = {name: f"WANDB_{name.upper()}".replace("WANDB_X_", "WANDB__") for name in wanted}
    return {name: value for name, value in wanted.items() if variables[name] not in os.environ}


@contextmanager
def _data_under(directory: Path) -> Iterator[None]:
    """Let W&B stage table files under the job instead of the home directory, unless WANDB_DATA_DIR says where."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(directory.resolve() / "wandb")
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


def _key(given: str | None, base_url: str) -> str | None:
    """Return the API key of the environment or of netrc; None when there is none."""
    if given:
        return given
    paths = [Path(os.environ["NETRC"])] if "NETRC" in os.environ else [Path.home() / ".netrc", Path.home() / "_netrc"]
    for path in paths:
        try:
            found = netrc.netrc(path.expanduser()).authenticators(urlsplit(base_url).netloc)
        except (OSError, netrc.NetrcParseError):
            continue
        if found is not None and found[2]:
            return found[2]
    return None


@cache
def _reachable(base_url: str) -> bool:
    """Say whether the server answers at all within seconds; asked once a process, so that a sweep waits once."""
    answered: list[bool] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(base_url, timeout=REACH_SECONDS).close()
        except urllib.error.HTTPError:
            pass  # an answer, if not a friendly one
        except urllib.error.URLError as error:
            # a certificate we do not know may be one W&B was told to trust
            if not isinstance(error.reason, ssl.SSLError):
                return
        except (OSError, ValueError, http.client.HTTPException):
            return
        answered.append(True)

    # A thread, because looking up a name has no time limit of its own.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS + 1)
    return bool(answered)


_PARTS = (("", "value"), ("_n", "n"), ("_low", "low"), ("_high", "high"))


def _score_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [evaluation["dataset"], name, *(score[key] for key in ("value", "n", "low", "high", "unjudged"))]
        for evaluation in result.get("evaluations", ())
        for name, score in evaluation["scores"].items()
        if score is not None
    ]


def _cell_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [evaluation["dataset"], after, *(evaluation["cells"][str(3 * row + column)] for column in (1, 2, 3))]
        for evaluation in result.get("evaluations", ())
        for row, after in enumerate(("correct", "wrong", "idk"))
    ]


def _sample_rows(result: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [
            evaluation["dataset"],
            str(sample["id"]),
            sample["cell"],
            sample["question"],
            "; ".join(sample["answers"]),
            sample["before"],
            sample["after"],
        ]
        for evaluation in result.get("evaluations", ())
        for sample in evaluation.get("samples", ())
    ]
