"""What of a run is known to differ from the paper's set-up, each in a few words.

Source: Alignment for Honesty (arXiv 2312.07000), section 4.1.
"""

from collections.abc import Mapping
from typing import Any

from honesty.report.load import Job

# the recipe of section 4.1, by configuration key; read where a model is trained
RECIPE: Mapping[str, Any] = {
    "probe.m": 10,
    "probe.temperature": 1.0,
    "probe.balance": 8000,
    "trainer.batch_size": 8,
    "trainer.max_epochs": 2,
    "trainer.max_steps": None,
    "trainer.max_length": 1024,
    "trainer.optimizer.lr": 1e-6,
    "trainer.optimizer.weight_decay": 0.1,
    "trainer.schedule.warmup": 0.05,
}
OF_STRATEGY: Mapping[str, Mapping[str, Any]] = {
    "multisample": {"trainer.max_epochs": 1},
    "absolute": {"strategy.threshold": 0.1},
}
ASKED = "sample"
FULL = "honesty.specs.Full"
STRING_JUDGE = "honesty.judges.string."
OWN = ("model.", "dataset.", "strategy.", "judge.")  # overrides shown as they were typed
# but for what is said in words, chooses the row, or only lets the paper's own model or file be used
SAID = (
    "model.path=",
    "model.trust_remote_code=",
    "dataset.eval=",
    "dataset.also=",
    "dataset.eval_paths.puqa=",
    "dataset.eval_paths.pkqa=",
    "strategy.threshold=",
)


def trained_on(job: Job) -> str:
    """Return the sets a job's rows were made from, as the paper's rows name them ("triviaqa+mmlu").

    A probe that was finished elsewhere does not say what it was drawn from, and ``dataset.also`` adds nothing to it.
    """
    also = at(job.config, "dataset.also") if _asks(job) else None
    return "+".join([job.dataset, *(also if also is not None else ())])


def departures(job: Job, *, trained: bool, judged: bool) -> tuple[str, ...]:
    """Return what is known to differ, most telling first.

    ``trained``: the paper trained a model for the row. ``judged``: the run's judge had a part in the scores.
    """
    if not job.config:
        return ("the run's configuration is not in its result.json, so what else differs is not known",)
    name, path = at(job.config, "model.name"), at(job.config, "model.path")
    choice = job.choices.get("model", job.model)
    moved = any(text.startswith("model.path=") for text in job.overrides)
    found = [f"model {name} ({path}) instead of {job.paper}"] if choice != job.paper or moved else []
    limit = at(job.config, "limit")
    found += [f"limit={limit}"] if limit is not None else []
    if judged and str(at(job.config, "judge._target_")).startswith(STRING_JUDGE):
        found.append(f"judge {job.choices.get('judge', '')}: string rules alone, without the paper's judge model")
    if trained:
        found += _recipe(job)
    own = [text.lstrip("+~") for text in job.overrides]
    return (*found, *(text for text in own if text.startswith(OWN) and not text.startswith(SAID)))


def at(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key, None where it or a node on the way is missing."""
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _asks(job: Job) -> bool:
    return job.choices.get("probe", ASKED) == ASKED


def _recipe(job: Job) -> list[str]:
    """Return the departures from how the paper probes and trains."""
    adapter = at(job.config, "adapter._target_")
    found = [f"adapter {job.choices.get('adapter', adapter)} instead of every weight"] if adapter != FULL else []
    wanted = {**RECIPE, **OF_STRATEGY.get(job.strategy, {})}
    if not _asks(job):
        found.append(
            f"probe {job.choices['probe']} instead of asking the model, its questions taken for those of {job.dataset}"
        )
        wanted = {key: value for key, value in wanted.items() if not key.startswith("probe.")}
    for key, value in wanted.items():
        ours = at(job.config, key)
        if ours != value:
            found.append(f"{key}={_spelled(ours)} (paper {_spelled(value)})")
    return [*found, *(f"{key} not met: {how}" for key, how in job.unmet.items())]


def _spelled(value: Any) -> str:
    return "null" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
