"""What a job and a sweep leave behind: `result.json` beside each job, tables, the page, the comparison."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from honesty import config
from honesty.cache import write_json, write_text
from honesty.failures import exit_code, show
from honesty.metrics import mcnemar
from honesty.report import sweep
from honesty.report.load import Job, load
from honesty.report.table import rows
from honesty.stages.evaluate import Evaluation
from honesty.types import InputError, Outcome, Transition

FORMAT = 1


def write_result(
    job_dir: Path, head: Mapping[str, Any], evaluations: Sequence[Evaluation], tail: Mapping[str, Any]
) -> dict[str, Any]:
    """Write ``result.json`` (all scores, cells, samples, provenance) and ``outcomes.jsonl`` (one row a question)."""
    job_dir.mkdir(parents=True, exist_ok=True)
    outcomes = [row for evaluation in evaluations for row in evaluation.outcomes()]
    write_text(job_dir / "outcomes.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in outcomes))
    result = {"format": FORMAT, **head, "evaluations": [evaluation.as_json() for evaluation in evaluations], **tail}
    write_json(job_dir / "result.json", result)
    return result


def show_job(job_dir: Path) -> None:
    """Print a finished job's tables, write its results page and say where it is."""
    sweep.single(job_dir)


def compare(sweep_dir: Path) -> Path:
    """Compare the finished jobs of a sweep: terminal table, ``comparison.csv`` and ``index.html`` there; returns the page.

    Raises:
        InputError: no job of ``sweep_dir`` has left a result.
    """
    return sweep.compare(sweep_dir, mcnemar=_discordant)


def _discordant(first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]]) -> tuple[int, int, float | None]:
    """Return how many shared questions only the first, and only the second, gets right, and McNemar's p (None: none shared)."""
    one, other = _table(first), _table(second)
    try:
        found = mcnemar.mcnemar(one, other)
    except InputError:
        return 0, 0, None
    return found.first_only, found.second_only, found.p


def _table(rows: Mapping[str, Mapping[str, Any]]) -> Transition:
    ids: dict[Outcome, list[str]] = {}
    for name, row in rows.items():
        if row["cell"] is not None:
            ids.setdefault(Outcome(row["cell"], row["loose_before"], row["loose_after"]), []).append(name)
    return Transition(outcomes={outcome: tuple(names) for outcome, names in ids.items()})


class CompareSweep(Callback):
    """Hydra's hook at the end of a multirun: compares its jobs by what they left on disk, whatever launcher ran them."""

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Compare, log the comparison, and leave with an exit code that says whether every job succeeded."""
        # Hydra turns what a callback raises into a warning, so failures are shown here; SystemExit passes through
        try:
            code = _compare(config)
        except Exception as error:  # noqa: BLE001  see above
            show(error, trace=False)
            code = exit_code(error)
        if code:
            raise SystemExit(code)


def _compare(cfg: DictConfig) -> int:
    directory = Path(cfg.hydra.sweep.dir)
    page = compare(directory)
    jobs = load(directory)
    logger = config.check_node(cfg, "logger")
    logger.comparison(directory, rows(jobs), group=directory.name)
    return _exit_code([job for job in jobs if job.failed])


def _exit_code(failed: Sequence[Job]) -> int:
    if not failed:
        return 0
    kinds = {json.loads((job.directory / "result.json").read_text(encoding="utf-8"))["error_kind"] for job in failed}
    return 2 if kinds == {InputError.__name__} else 1
