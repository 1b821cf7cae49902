"""A Hugging Face model directory as files: is it whole, and what is it, without loading it (or torch)."""

import hashlib
from pathlib import Path

from honesty.types import InputError

WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
TOKENIZER = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")


def local(path: str) -> Path | None:
    """Return the directory that ``model.path`` names, once it holds a whole model; ``None`` when it is a hub id.

    Raises:
        InputError: no such directory, or no config, weights or tokenizer in it.
    """
    directory = Path(path).expanduser()
    if not directory.is_dir():
        hub_id = path.count("/") == 1 and not path.startswith((".", "/", "~"))
        if not hub_id or directory.exists():
            raise InputError(f"model.path={path}: no such directory; give a Hugging Face causal model directory")
        return None
    missing = []
    if not (directory / "config.json").is_file():
        missing.append("no config.json")
    if not any(any(directory.glob(pattern)) for pattern in WEIGHTS):
        missing.append("no weights (model.safetensors)")
    if not any((directory / name).is_file() for name in TOKENIZER):
        missing.append("no tokenizer (tokenizer.json)")
    if missing:
        raise InputError(
            f"model.path={path}: {' and '.join(missing)} there; write model and tokenizer into it with save_pretrained"
        )
    return directory


def content(directory: Path) -> str:
    """Return the sha256 over the names and contents of a directory's files, weights in full: the same model, the same text."""
    whole = hashlib.sha256()
    for path in sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith(".")):
        with path.open("rb") as handle:
            whole.update(f"{path.name}:{hashlib.file_digest(handle, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()
