"""Fine-tuning the unaligned model on the rows a strategy built."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from honesty.cache import Artifact, Cache, digest, write_text
from honesty.data.records import read_examples
from honesty.specs import Full, Lora, Trainer
from honesty.types import ModelRef

VERSION = 1

Watch = Callable[[int, Mapping[str, float]], None]


def fit(
    cache: Cache,
    ref: ModelRef,
    built: Artifact,
    trainer: Trainer,
    adapter: Lora | Full,
    name: str,
    watch: Watch | None = None,
) -> Artifact:
    """Return the artifact whose ``adapter/`` holds the trained weights and ``curves.jsonl`` the loss by update.

    ``watch(update, values)`` is called as training goes on; not at all when the artifact is found.
    """
    return cache.stage(
        "fit",
        VERSION,
        identity={"trainer": trainer, "adapter": adapter},
        upstream={"model": ref.digest, "examples": built.digest},
        work=lambda scratch: _fit(ref, built, trainer, adapter, name, scratch, watch),
        what=f"{ref.name} fine-tuned by {name}",
    )


def _fit(
    ref: ModelRef, built: Artifact, trainer: Trainer, adapter: Lora | Full, name: str, scratch: Path, watch: Watch | None
) -> dict[str, Any]:
    # imported here: a run whose stages are all cached must not pay for torch
    from honesty.training.fit import train

    rows = read_examples(built.path / "examples.jsonl")
    result = train(ref, rows, trainer, adapter, scratch, label=f"  fit {name}", on_metrics=watch)
    write_text(scratch / "curves.jsonl", "".join(json.dumps(asdict(point)) + "\n" for point in result.curves))
    return {"tokens": result.tokens, "updates": result.updates, "loss": result.loss, "val_loss": result.val_loss}


def aligned(ref: ModelRef, fitted: Artifact) -> ModelRef:
    """Return the reference of the model after alignment."""
    return dataclasses.replace(
        ref,
        adapter=fitted.path / "adapter",
        digest=digest({"model": ref.digest, "fit": fitted.digest}),
    )


def curves(fitted: Artifact) -> list[dict[str, Any]]:
    """Read the training curve back: rows with ``step``, ``loss``, ``lr`` and, where measured, ``val_loss``."""
    rows = [json.loads(line) for line in (fitted.path / "curves.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]
