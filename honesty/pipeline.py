"""Wires configuration to stages, stages to the cache, results to trackers and reports. No arithmetic happens here."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from honesty import tracking
from honesty.cache import Artifact, Cache, provenance
from honesty.config import STAGES
from honesty.data.queries import read_queries
from honesty.failures import exit_code, message, show
from honesty.interfaces import ParticularEngine, RatedSuite
from honesty.progress import console
from honesty.stages import report
from honesty.stages.build import build
from honesty.stages.evaluate import Evaluation, Sides, evaluate
from honesty.stages.fit import aligned, curves, fit, foresee
from honesty.stages.generate import Engines
from honesty.stages.pretrain import reference
from honesty.stages.probe import adopt, apart, lacking, probe
from honesty.stages.rate import RatedEvaluation, rate
from honesty.types import InputError, Knowledge, ModelRef, Question

Records = Mapping[str, Any]

# how a job is run, not what it is: left out of its label
UNLABELLED = ("strategy=", "logger=", "logger.", "debug=", "paths.", "stages=", "hydra.", "hydra/", "engine.", "experiment=")
# where things lie: in a sweep it may be what the jobs differ in, in a run of its own it only fills the line
PLACES = (
    "model.path=",
    "dataset.path=",
    "dataset.train=",
    "dataset.eval=",
    "dataset.eval_paths",
    "probe.path=",
    "metrics.prompts=",
    "metrics.judge.model.path=",
)


@dataclass
class Job:
    """One job: where it writes, what heads its result, and what it has finished so far."""

    directory: Path
    head: dict[str, Any]
    sweep: Path | None
    start: float
    artifacts: dict[str, dict[str, str]] = field(default_factory=dict)
    unmet: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    evaluations: list[Evaluation | RatedEvaluation] = field(default_factory=list)

    def keep(self, name: str, artifact: Artifact) -> None:
        """Note what the job used, for its result."""
        self.artifacts[name] = {"digest": artifact.digest, "path": str(artifact.path)}

    def remark(self, note: str) -> None:
        """Say what a reader of the scores should know of the training, now and beside them; "" is nothing."""
        if note:
            console.print(f"  note: {note}", soft_wrap=True, markup=False)
            self.notes.append(note)

    def miss(self, setting: str, how: str) -> None:
        """Note a setting that the data could not meet, for its result."""
        self.unmet[setting] = how


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a job asks: training questions or a finished probe (neither where nothing probes), evaluation sets, prompts."""

    train: Sequence[Question]
    finished: Sequence[Knowledge] | None
    sets: Mapping[str, Sequence[Question]]
    rated: Sequence[Question]


def run(cfg: DictConfig, check: Callable[[DictConfig], Records]) -> None:
    """Run one job. Its failure is shown and recorded; in a sweep the other jobs go on.

    Raises:
        SystemExit: outside a sweep, when the job fails: 2 for what the user gave, 1 for everything else.
    """
    job = _job(cfg)
    try:
        records = check(cfg)
        settings = tracking.Job(
            directory=job.directory,
            name=job.head["job"],
            group=report.sweep_name(job.sweep) if job.sweep is not None else None,
            tags=[job.head[key] for key in ("model", "strategy", "dataset")],
            config=OmegaConf.to_container(cfg, resolve=True),  # type: ignore[arg-type]
        )
        job.head["config"] = settings.config  # what the paper's set-up is compared with
        console.print(f"\n{job.head['job']}  (model {job.head['model']}, seed {cfg.seed})", soft_wrap=True, markup=False)
        with records["logger"].open(settings) as tracker:
            cache = Cache(root=Path(records["paths"]["cache"]))
            _stages(records, job, cache, tracker)
            _finish(records, job, cache, tracker)
    except Exception as error:  # noqa: BLE001  one job's failure must not cost the others of a sweep
        show(error, trace=bool(OmegaConf.select(cfg, "debug.trace")))
        _record_failure(job, error)
        if job.sweep is None:
            raise SystemExit(exit_code(error)) from None


def _job(cfg: DictConfig) -> Job:
    hydra = HydraConfig.get()
    choices, overrides = hydra.runtime.choices, list(hydra.overrides.task)
    sweep = Path(hydra.sweep.dir) if hydra.mode == RunMode.MULTIRUN else None
    unlabelled = UNLABELLED if sweep is not None else UNLABELLED + PLACES
    head = {
        "status": "ok",
        "error": None,
        "job": " ".join([choices["strategy"], *(text for text in overrides if not text.lstrip("+~").startswith(unlabelled))]),
        **{group: choices[group] for group in ("strategy", "model", "dataset")},
        "seed": cfg.seed,
        "paper": cfg.paper,
        "choices": {str(group): choice for group, choice in choices.items() if not str(group).startswith("hydra/")},
        "overrides": overrides,
        "command": " ".join(["python train.py", *overrides]),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    return Job(directory=Path(hydra.runtime.output_dir), head=head, sweep=sweep, start=time.monotonic())


def _stages(records: Records, job: Job, cache: Cache, tracker: tracking.Tracker) -> None:
    """Run the stages up to the last one asked for; what they need comes from the cache or is made."""
    trains = records["strategy"].trains
    if trains and _reaches(records, "evaluate") and isinstance(records["engine"], ParticularEngine):
        records["engine"].accept(records["adapter"])
    material = _material(records)
    before = after = reference(cache, records["model"], partial(tracker.live, "pretrain"))
    job.artifacts["model"] = {"digest": before.digest, "path": before.path}
    if before.revision is not None:
        job.artifacts["model"]["revision"] = before.revision
    engines = Engines(records["engine"])
    if _probes(records) and _reaches(records, "probe"):
        probed = _probed(records, job, cache, engines, before, material)
        job.keep("probe", probed)
    if trains and _reaches(records, "build"):
        job.remark(lacking(probed))
        built = build(cache, before, probed, records["strategy"], job.head["strategy"])
        job.keep("examples", built)
    if trains and _reaches(records, "fit"):
        engines.release()
        watch = partial(tracker.live, "fit")
        fitted = fit(cache, before, built, records["trainer"], records["adapter"], job.head["strategy"], watch)
        job.keep("fit", fitted)
        tracker.curve("fit", curves(fitted))
        after = aligned(before, fitted)
    if _reaches(records, "evaluate"):
        sides = Sides(before=before, after=after, prompt=records["strategy"].evaluation_prompt)
        found = _evaluated(records, cache, engines, sides, material)
        job.evaluations += [replace(one, notes=[*one.notes, *job.notes]) for one in found]
        for evaluation in job.evaluations:
            for kind, artifact in evaluation.artifacts.items():
                job.keep(kind, artifact)


def _reaches(records: Records, stage: str) -> bool:
    return STAGES.index(records["stages"][-1]) >= STAGES.index(stage)


def _probes(records: Records) -> bool:
    """Return whether what the model knows is wanted: to train on, or because that is where the run ends."""
    return bool(records["strategy"].trains) or records["stages"][-1] == "probe"


def _material(records: Records) -> Material:
    """Read everything the job asks, before any work.

    Raises:
        InputError: some of it is missing, empty or at fault.
    """
    probes = _probes(records)
    finished = records["probe"].finished() if probes else None
    rated = _rated(records)
    train, sets = _questions(records, probes and finished is None)
    if finished is not None:
        finished = apart(finished, sets)[: records["limit"]]
    return Material(train=train, finished=finished, sets=sets, rated=rated)


def _probed(records: Records, job: Job, cache: Cache, engines: Engines, model: ModelRef, material: Material) -> Artifact:
    """Return what ``model`` knows: from the finished probe where there is one, else by asking it."""
    settings = records["probe"]
    if material.finished is not None:
        return adopt(cache, model, material.finished, settings, job.miss)
    if records["strategy"].trains and _reaches(records, "fit"):
        engines.ahead = partial(foresee, trainer=records["trainer"], adapter=records["adapter"])
    probed = probe(cache, engines, model, material.train, settings, records["judge"], records["dataset"].also, job.miss)
    engines.ahead = None  # the same models are opened to evaluate what has been trained by then
    return probed


def _evaluated(
    records: Records, cache: Cache, engines: Engines, sides: Sides, material: Material
) -> list[Evaluation | RatedEvaluation]:
    if material.rated:
        return [rate(cache, engines, sides, material.rated, records["metrics"])]
    scored = {"probe": records["probe"], "judge": records["judge"], "suite": records["metrics"]}
    return [evaluate(cache, engines, sides, dataset, these, **scored) for dataset, these in material.sets.items()]


def _rated(records: Records) -> Sequence[Question]:
    """Return the prompts whose responses are rated, cut to the limit; none where the metrics are those of the 3x3 table.

    Raises:
        InputError: the metrics rate responses, and there is no file of prompts, or a fault in it.
    """
    suite = records["metrics"]
    if not isinstance(suite, RatedSuite):
        return ()
    if suite.prompts is None:
        raise InputError(
            f"metrics.prompts: missing: {suite.name} rates the responses to prompts; give a file of them, "
            'metrics.prompts=FILE.jsonl (rows {"id", "prompt"})'
        )
    return read_queries(suite.prompts)[: records["limit"]]


def _questions(records: Records, asks: bool) -> tuple[Sequence[Question], Mapping[str, Sequence[Question]]]:
    """Return the training questions (none where nobody asks them) and the evaluation sets, cut to the limit.

    Raises:
        InputError: one of them is empty.
    """
    dataset, limit = records["dataset"], records["limit"]
    train = _first(dataset.train(), limit, dataset.also) if asks else ()
    evaluation = {name: these[:limit] for name, these in dataset.evaluation().items()}
    if asks and not train:
        raise InputError(f"dataset {dataset.name} has no training question")
    if not evaluation or any(not these for these in evaluation.values()):
        raise InputError(f"dataset {dataset.name} has no question to evaluate on: {', '.join(evaluation)}")
    every = [*train, *(question for these in evaluation.values() for question in these)]
    for note in [*dataset.notes(), *records["judge"].notes(every)]:
        console.print(f"  note: {note}", soft_wrap=True, markup=False)
    return train, evaluation


def _first(questions: Sequence[Question], limit: int | None, also: Sequence[str]) -> list[Question]:
    """Return the first ``limit`` questions, and of each set of ``also`` as many: a short run trains on what a long one does."""
    places: Counter[str] = Counter()
    kept = []
    for question in questions:
        source = question.source if question.source in also else ""
        places[source] += 1
        if limit is None or places[source] <= limit:
            kept.append(question)
    return kept


def _finish(records: Records, job: Job, cache: Cache, tracker: tracking.Tracker) -> None:
    tail = {
        "stages": records["stages"],
        "seconds": round(time.monotonic() - job.start, 2),
        "artifacts": job.artifacts,
        **({"unmet": job.unmet} if job.unmet else {}),
        "ledger": [asdict(entry) for entry in cache.ledger],
        **provenance(),
    }
    result = report.write_result(job.directory, job.head, job.evaluations, tail)
    tracker.result(result)
    found = sum(entry.hit for entry in cache.ledger)
    if found == len(cache.ledger):
        console.print(f"  all {found} stages were found in {records['paths']['cache']}: no work was done", soft_wrap=True)
    elif found:
        console.print(f"  {found} of {len(cache.ledger)} stages were found in {records['paths']['cache']}", soft_wrap=True)
    if not job.evaluations:
        for name, artifact in job.artifacts.items():
            print(f"{name}: {artifact['path']}")
    elif job.sweep is None and records["stages"][-1] == "report":  # a sweep's comparison shows all jobs
        report.show_job(job.directory)


def _record_failure(job: Job, error: Exception) -> None:
    kind = InputError.__name__ if exit_code(error) == 2 else type(error).__name__
    head = {**job.head, "status": "failed", "error": message(error), "error_kind": kind}
    try:
        report.write_result(job.directory, head, [], {"seconds": round(time.monotonic() - job.start, 2)})
    except OSError as second:
        print(f"(and its result could not be recorded in {job.directory}: {second.strerror})", file=sys.stderr)
