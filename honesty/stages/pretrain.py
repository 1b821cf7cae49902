"""The model to align, as a reference every later stage can key on: pretrained here, or found on disk."""

import shutil
from pathlib import Path

from honesty import model_files
from honesty.cache import Cache, digest, write_text
from honesty.code import code_digest
from honesty.specs import Model, Pretraining
from honesty.stages.fit import Watch, counts, write_curves
from honesty.types import InputError, ModelRef

VERSION = 1


def reference(cache: Cache, model: Model, watch: Watch | None = None) -> ModelRef:
    """Return the unaligned model; one made from scratch is pretrained first (or taken from the cache).

    ``watch(update, values)`` is called as pretraining goes on.

    Raises:
        InputError: a model directory that does not exist or lacks its config, weights or tokenizer; a hub id that has not
            been downloaded.
    """
    if model.pretraining is not None:
        pretraining = model.pretraining
        artifact = cache.stage(
            "pretrain",
            VERSION,
            identity={"pretraining": pretraining, "code": code_digest(pretraining.corpus)},
            upstream={},
            work=lambda scratch: _pretrain(pretraining, scratch, watch),
            what=f"{model.name}, from nothing",
        )
        path, weights = str(artifact.path / "model"), artifact.digest
    else:
        assert model.path is not None  # specs.Model: either a path or a pretraining
        path = model.path
        directory = model_files.local(path)
        weights = _content(cache, directory) if directory is not None else _commit(path, model.revision)
    shown = {"dtype": model.dtype, "wrap": model.wrap, "attention": model.attention}
    return ModelRef(
        name=model.name,
        path=path,
        digest=digest({"weights": weights, **shown}),
        dtype=model.dtype,
        wrap=model.wrap,
        revision=model.revision,
        attention=model.attention,
    )


def _pretrain(pretraining: Pretraining, scratch: Path, watch: Watch | None) -> dict[str, float | None]:
    # imported here: a run whose stages are all cached must not pay for torch
    from honesty.specs import Full
    from honesty.training.fit import train
    from honesty.training.scratch import build_llama, build_tokenizer

    tokenizer = build_tokenizer(pretraining.corpus.vocabulary())
    model = build_llama(pretraining.architecture, tokenizer, pretraining.trainer.seed)
    documents = pretraining.corpus.documents()
    result = train((model, tokenizer), documents, pretraining.trainer, Full(), scratch, label="  pretrain", on_metrics=watch)
    write_curves(scratch, result.curves)
    shutil.rmtree(scratch / "model", ignore_errors=True)  # of an attempt that was killed after the next line
    (scratch / "adapter").rename(scratch / "model")
    return counts(result)


def _content(cache: Cache, directory: Path) -> str:
    """Return the digest of a directory's files, remembered by their sizes and times: weights take long to read."""
    files = sorted(path for path in directory.iterdir() if path.is_file())
    stats = [(path.name, path.stat()) for path in files]
    seen = digest([str(directory.resolve()), [[name, stat.st_size, stat.st_mtime_ns, stat.st_ino] for name, stat in stats]])
    memo = cache.root / "weights" / seen
    if not memo.is_file():
        with cache.writing():
            memo.parent.mkdir(parents=True, exist_ok=True)
            write_text(memo, model_files.content(directory))
    return memo.read_text(encoding="utf-8")


def _commit(hub_id: str, revision: str | None) -> str:
    """Return the commit a downloaded hub model stands at: "main" moves, texts of the old one must not be taken for its."""
    # imported here: only hub models need it
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    if not isinstance(found, str):
        at = f" at revision {revision}" if revision is not None else ""
        raise InputError(
            f"model.path={hub_id}: no such directory, and no model of that name{at} has been downloaded; "
            f"run `hf download {hub_id}` first, or give a directory"
        )
    return f"{hub_id}@{Path(found).parent.name}"
