"""The model to align, as a reference every later stage can key on: pretrained here, or found on disk."""

import shutil
from pathlib import Path
from typing import Any

from honesty import hub, model_files
from honesty.cache import Cache, digest, write_text
from honesty.code import code_digest
from honesty.specs import Model, Pretraining
from honesty.stages.fit import Watch, counts, write_curves
from honesty.types import InputError, ModelRef

VERSION = 1


def reference(cache: Cache, model: Model, watch: Watch | None = None) -> ModelRef:
    """Return the unaligned model; one made from scratch is pretrained first (or taken from the cache).

    A hub model is known by the commit its revision stands for now (``honesty.hub.commit``); nothing of it is downloaded here.
    ``watch(update, values)`` is called as pretraining goes on.

    Raises:
        InputError: a model directory that does not exist or lacks its config, weights or tokenizer; a hub id that does not
            exist, is gated, or cannot be asked for; a template that cannot be read.
    """
    revision = None
    if model.pretraining is not None:
        path, weights = _made(cache, model.name, model.pretraining, watch)
    else:
        assert model.path is not None  # specs.Model: either a path or a pretraining
        path = model.path
        weights, revision = _found(cache, path, model.revision)
    chat = _chat(model)
    shown: dict[str, Any] = {"dtype": model.dtype, "wrap": model.prompt.wrap, "attention": model.attention, **chat}
    if model.trust_remote_code:
        shown["trust_remote_code"] = True
    if model.quantisation != "none":
        shown["quantisation"] = model.quantisation
    return ModelRef(
        name=model.name,
        path=path,
        digest=digest({"weights": weights, **shown}),
        dtype=model.dtype,
        wrap=model.prompt.wrap,
        revision=revision,
        attention=model.attention,
        template=chat.get("template"),
        options=chat.get("options", {}),
        pad=model.pad,
        trust_remote_code=model.trust_remote_code,
        quantisation=model.quantisation,
        parameters=model.parameters,
    )


def _made(cache: Cache, name: str, pretraining: Pretraining, watch: Watch | None) -> tuple[str, str]:
    """Return where the model made from scratch lies, and the digest of its weights."""
    artifact = cache.stage(
        "pretrain",
        VERSION,
        identity={"pretraining": pretraining, "code": code_digest(pretraining.corpus)},
        upstream={},
        work=lambda scratch: _pretrain(pretraining, scratch, watch),
        what=f"{name}, from nothing",
    )
    return str(artifact.path / "model"), artifact.digest


def _found(cache: Cache, path: str, revision: str | None) -> tuple[str, str | None]:
    """Return what stands for the weights of a model that exists, and for one of the hub the commit."""
    directory = model_files.local(path)
    if directory is not None:
        return _content(cache, directory), None
    commit = hub.commit(path, revision, "model")
    return f"{path}@{commit}", commit


def _chat(model: Model) -> dict[str, Any]:
    """Return what a chat prompt depends on beside the tokenizer; a template counts by its text, not by its place.

    What is not set is left out: the keys of runs made before it could be set stay what they were.
    """
    prompt = model.prompt
    made: dict[str, Any] = {}
    if prompt.wrap != "chat":
        return {}
    if prompt.template is not None:
        try:
            made["template"] = Path(prompt.template).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"model.prompt.template={prompt.template}: cannot be read: {error}") from error
    return made | ({"options": dict(prompt.options)} if prompt.options else {})


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
