"""The model to align, as a reference every later stage can key on: pretrained here, or found on disk."""

import hashlib
from pathlib import Path

from honesty.cache import Cache, digest
from honesty.specs import Full, Model, Pretraining
from honesty.types import InputError, ModelRef

VERSION = 1

WEIGHTS = (".safetensors", ".bin")


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
            what=f"a small Llama on {model.name}",
        )
        path, weights = str(artifact.path / "model"), artifact.digest
    else:
        assert model.path is not None  # specs.Model: either a path or a pretraining
        path = model.path
        weights = directory_digest(Path(path)) if Path(path).exists() or _looks_local(path) else path
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
    result = train(
        (model, tokenizer), pretraining.corpus.documents(), pretraining.trainer, Full(), scratch, label="pretraining"
    )
    (scratch / "adapter").rename(scratch / "model")
    return {"tokens": result.tokens, "updates": result.updates, "loss": result.loss}


def _looks_local(path: str) -> bool:
    return path.startswith((".", "/", "~")) or path.count("/") > 1


def directory_digest(directory: Path) -> str:
    """Return the sha256 over the names and contents of a model directory's files (weights in full).

    Raises:
        InputError: not a directory, no ``config.json``, no weights, or no tokenizer.
    """
    if not directory.is_dir():
        raise InputError(f"model.path={directory}: no such directory; give a Hugging Face causal model directory")
    files = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    names = {path.name for path in files}
    problems = []
    if "config.json" not in names:
        problems.append("config.json")
    if not any(name.endswith(WEIGHTS) for name in names):
        problems.append("weights (*.safetensors)")
    if not names & {"tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json"}:
        problems.append("a tokenizer (tokenizer.json)")
    if problems:
        raise InputError(
            f"model.path={directory}: no {' and no '.join(problems)} there; save the model and its tokenizer "
            "into it with save_pretrained"
        )
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as handle:
            whole.update(f"{path.name}:{hashlib.file_digest(handle, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
