"""What happens at the end: of a run, its tables and page; of a sweep, the comparison of all its jobs."""

from pathlib import Path

from rich.console import Console

from honesty.report import page, pairs, table, terminal
from honesty.report.load import Job, load, read
from honesty.report.pairs import Pairs, Test
from honesty.report.seeds import datasets
from honesty.types import HonestyError

PAGE = "index.html"
COMPARISON = "comparison.csv"


def compare(sweep_dir: Path, *, mcnemar: Test | None = None, console: Console | None = None) -> Path | None:
    """Compare the jobs of a sweep: tables in the terminal, ``comparison.csv``, ``index.html``; return the page's path.

    Where jobs finished but none was evaluated (their ``stages`` stopped earlier) it says so, with what they left in the
    cache, writes nothing and returns None.

    ``mcnemar(outcomes_a, outcomes_b) -> (b, c, p)`` takes two jobs' rows by question id; without it no pairs are tested.

    Raises:
        InputError: the directory holds no readable result.
        HonestyError: it cannot be written.
    """
    sweep_dir = Path(sweep_dir)
    jobs = load(sweep_dir)
    console = console if console is not None else terminal.stdout()
    if any(not job.failed for job in jobs) and not datasets(jobs):
        terminal.show_unevaluated(jobs, console)
        return None
    tested = _pairs(jobs, mcnemar)
    terminal.show_comparison(jobs, console, tested)
    try:
        table.write(jobs, sweep_dir / COMPARISON)
        written = page.write(jobs, sweep_dir / PAGE, _title(jobs), tested)
    except OSError as error:
        raise HonestyError(f"{sweep_dir}: cannot be written ({error}); free some space or change its permissions") from error
    console.print(f"page: {written}", soft_wrap=True, markup=False)
    return written


def single(job_dir: Path, *, console: Console | None = None) -> Path:
    """Report one run: tables in the terminal and ``index.html`` in its directory; return the page's path.

    Raises:
        InputError: the directory holds no readable result.
        HonestyError: it cannot be written.
    """
    job = read(Path(job_dir))
    console = console if console is not None else terminal.stdout()
    terminal.show_job(job, console)
    try:
        written = page.write([job], Path(job_dir) / PAGE, job.job)
    except OSError as error:
        raise HonestyError(f"{job_dir}: cannot be written ({error}); free some space or change its permissions") from error
    console.print(f"page: {written}", soft_wrap=True, markup=False)
    return written


def _title(jobs: list[Job]) -> str:
    *first, last = datasets(jobs) or [""]
    sets = f"{', '.join(first)} and {last}" if first else last
    on = f" on {sets}" if sets else ""
    strategies = list(dict.fromkeys(job.strategy for job in jobs))
    variants = len({(job.strategy, job.variant) for job in jobs})
    if len(strategies) > 1:
        return f"{len(strategies)} strategies{on}"
    return f"{strategies[0]}{on}" if variants == 1 else f"{strategies[0]}, {variants} settings{on}"


def _pairs(jobs: list[Job], test: Test | None) -> dict[str, Pairs]:
    if test is None:
        return {}
    tested = {dataset: pairs.compare(jobs, dataset, test) for dataset in datasets(jobs)}
    return {dataset: found for dataset, found in tested.items() if found is not None}
