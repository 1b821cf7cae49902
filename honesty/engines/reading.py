"""What engines do alike around a model: prompts to ids and their two checks, where a text ends, and the seeds of samples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from honesty import hub, model_files
from honesty.interfaces import RefusedError
from honesty.types import InputError, ModelRef
from honesty.wrapping import Wrapping, wrapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How one model reads prompts: its wrapping, and how many tokens fit its ``window`` (``None``: it does not say)."""

    wrapping: Wrapping
    window: int | None

    def ids(self, prompts: Sequence[str], new: int) -> list[list[int]]:
        """Return the ids the model reads for each prompt.

        Raises:
            RefusedError: prompts that are empty, or do not fit the model's window with ``new`` more tokens.
        """
        made = self.wrapping.prompt_ids(prompts)
        for prompt, row in zip(prompts, made, strict=True):
            if not row or not prompt.strip():
                raise empty(prompt)
        long = {
            prompt: len(row)
            for prompt, row in zip(prompts, made, strict=True)
            if self.window is not None and len(row) + new > self.window
        }
        if long:
            prompt, tokens = next(iter(long.items()))
            raise RefusedError(
                f"a prompt of {tokens} tokens and max_new_tokens={new} do not fit the model's window of {self.window}: "
                f"{prompt[:80]!r}",
                "shorten the prompt, or lower max_new_tokens (probe.max_new_tokens; of what is rated metrics.max_new_tokens)",
                [*long],
            )
        return made

    def text(self, prompt: str, decoded: str, stop: Sequence[str]) -> str:
        """Return a response without what belongs to the prompt (``Wrapping.split``), up to the first stop string."""
        return cut(decoded.removeprefix(self.wrapping.split(prompt)[1]), stop)


def empty(prompt: str) -> RefusedError:
    """Return what is said of a prompt without a word."""
    return RefusedError(f"the prompt {prompt!r} has no tokens", "there is nothing to respond to", [prompt])


def cut(text: str, stop: Sequence[str]) -> str:
    """Return ``text`` up to the first stop string in it."""
    found = [place for each in stop if (place := text.find(each)) >= 0]
    return text[: min(found)] if found else text


def request_seed(seed: int, prompt: str, sample: int) -> int:
    """Return the seed of one sample of one prompt, 31 bits (more than that, some servers refuse).

    Samples of a prompt have consecutive seeds: a server that draws n texts at once (vLLM) seeds the i-th with the first's
    plus i, so that its texts are those that n requests for one text each would get.
    """
    base = hashlib.sha256(f"{seed}\0{prompt}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(base[:4], "big") % 2**30 + sample


def window(config: Any) -> int | None:
    """Return how many tokens a model's configuration says fit."""
    found: int | None = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return found


def reading(ref: ModelRef, most: int | None = None) -> tuple[Reading, Any]:
    """Return how the model of ``ref`` reads, from its tokenizer and configuration alone, and that tokenizer.

    ``most`` narrows its window to so many tokens.

    Raises:
        InputError: one of them cannot be read, or the model cannot be prompted as ``ref`` says.
    """
    # imported here: settings name this module's callers, and a run whose texts are all cached must not pay for transformers
    from transformers import AutoConfig, AutoTokenizer

    directory = model_files.local(ref.path)
    source: dict[str, Any] = {
        "pretrained_model_name_or_path": ref.path if directory is None else str(directory),
        "revision": ref.revision if ref.revision is not None else "main",
        "local_files_only": directory is not None or not hub.reachable(ref.path, "model"),
        "trust_remote_code": ref.trust_remote_code,
    }
    try:
        config, tokenizer = AutoConfig.from_pretrained(**source), AutoTokenizer.from_pretrained(**source)
    except (OSError, ValueError, KeyError, TypeError, ImportError, AttributeError) as error:
        if isinstance(error, OSError) and directory is None:
            raise hub.explain(error, ref.path, "model") from error
        raise InputError(f"model.path={ref.path}: the tokenizer or config.json cannot be read: {error}") from error
    if ref.template is not None:
        tokenizer.chat_template = ref.template
    limits = [limit for limit in (window(config), most) if limit is not None]
    how = wrapping(tokenizer, ref.wrap, ref.path, ref.options)
    return Reading(wrapping=how, window=min(limits, default=None)), tokenizer
