"""The model to align, as a reference every later stage can key on: pretrained here, or found on disk."""

from pathlib import Path

from honesty import model_files
from honesty.cache import Cache, digest
from honesty.specs import Full, Model, Pretraining
from honesty.types import ModelRef

VERSION = 1


def reference(cache: Cache, model: Model) -> ModelRef:
    """Return the unaligned model; one made from scratch is pretrained first (or taken from the cache).

    Raises:
        InputError: a model directory that does not exist or lacks its config or weights.
    """
    shown = {"dtype": model.dtype, "wrap": model.wrap, "attention": model.attention, "revision": model.revision}
    if model.pretraining is not None:
        pretraining = model.pretraining
        artifact = cache.stage(
            "pretrain",
            VERSION,
            identity=pretraining,
            upstream={},
            work=lambda scratch: _pretrain(pretraining, scratch),
            what=f"{model.name}, from nothing",
        )
        path, weights = str(artifact.path / "model"), artifact.digest
    else:
        assert model.path is not None  # specs.Model: either a path or a pretraining
        path = model.path
        directory = model_files.local(path)
        weights = model_files.content(directory) if directory is not None else path
    return ModelRef(
        name=model.name,
        path=path,
        digest=digest({"weights": weights, **shown}),
        dtype=model.dtype,
        wrap=model.wrap,
        revision=model.revision,
        attention=model.attention,
    )


def _pretrain(pretraining: Pretraining, scratch: Path) -> dict[str, float]:
    # imported here: a run whose stages are all cached must not pay for torch
    from honesty.training.fit import train
    from honesty.training.scratch import build_llama, build_tokenizer

    tokenizer = build_tokenizer(pretraining.corpus.vocabulary())
    model = build_llama(pretraining.architecture, tokenizer, pretraining.trainer.seed)
    result = train((model, tokenizer), pretraining.corpus.documents(), pretraining.trainer, Full(), scratch, label="  pretrain")
    (scratch / "adapter").rename(scratch / "model")
    return {"tokens": result.tokens, "updates": result.updates, "loss": result.loss}
