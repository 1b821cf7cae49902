"""From a prompt's text to token ids: one rule for training and generation, whatever the tokenizer.

A prompt is put in front of a response either as it is (``raw``, with the special tokens the tokenizer puts in front of any
text) or inside the model's chat template (``chat``). Two facts make the boundary delicate:

- Most tokenizers merge the space of ``"A: "`` into the first token of the response (``" Paris"`` is one token). So trailing
  spaces belong to the response: a model always reads the prompt without them and writes the space itself.
- Tokenising prompt and response apart can differ from tokenising them together. A row's ids come from the joint text when the
  prompt's own ids are a prefix of it (``joint``), else from both parts apart. Either way the ids in front of the response are
  exactly those the model reads when it generates.

No tokenizer library is imported here; the tokenizer is handed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from honesty.types import InputError

_MARK = "\u2407"


class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer."""

    eos_token_id: Any
    chat_template: Any

    def __call__(self, text: Any, **options: Any) -> Mapping[str, Any]: ...

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """One training row: ``prompt`` is read, ``response`` (its end included) is learnt."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]
    joint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """How one tokenizer turns prompts and responses into ids. Made by ``wrapping``.

    Attributes:
        leading: special ids in front of every raw prompt (a beginning-of-sequence token, or nothing).
        ending: ids that end a response: the chat template's end of turn, else the end-of-sequence token.
    """

    tokenizer: Tokenizer
    chat: bool
    leading: tuple[int, ...]
    ending: tuple[int, ...]
    _separator: str

    @property
    def stops(self) -> frozenset[int]:
        """Return the ids at which a response is over, as far as the tokenizer knows."""
        eos = self.tokenizer.eos_token_id
        single = self.ending if len(self.ending) == 1 else ()
        return frozenset(single) | (frozenset() if eos is None else frozenset({int(eos)}))

    def split(self, prompt: str) -> tuple[str, str]:
        """Return the text a model reads and the separator that it (or the training row) writes before the response."""
        text = _render(self.tokenizer, prompt) if self.chat else prompt
        context = text.rstrip(" ")
        return context, text[len(context) :] + self._separator

    def prompt_ids(self, prompts: Sequence[str]) -> list[list[int]]:
        """Return the ids the model reads for each prompt."""
        leading = list(self.leading)
        return [leading + ids for ids in _encode(self.tokenizer, [self.split(prompt)[0] for prompt in prompts])]

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Tokens]:
        """Return the ids of each (prompt, response), in order; the ending is not cut off by any length limit here."""
        unique = {prompt: self.split(prompt) for prompt, _ in pairs}
        contexts = dict(zip(unique, _encode(self.tokenizer, [context for context, _ in unique.values()]), strict=True))
        answers = [unique[prompt][1] + response for prompt, response in pairs]
        texts = [unique[prompt][0] + answer for (prompt, _), answer in zip(pairs, answers, strict=True)]
        rows = []
        for (prompt, _), answer, full in zip(pairs, answers, _encode(self.tokenizer, texts), strict=True):
            own = contexts[prompt]
            joint = full[: len(own)] == own and len(full) > len(own)
            rest = full[len(own) :] if joint else _encode(self.tokenizer, [answer])[0]
            rows.append(Tokens(prompt=(*self.leading, *own), response=(*rest, *self.ending), joint=joint))
        return rows


def wrapping(tokenizer: Tokenizer, wrap: str, where: str) -> Wrapping:
    """Find out how ``tokenizer`` begins a prompt and ends a response.

    Args:
        tokenizer: a Hugging Face tokenizer.
        wrap: ``raw`` or ``chat``.
        where: the model's name or path, for messages.

    Raises:
        InputError: ``chat`` without a chat template, or no token that could end a response.
    """
    eos = tokenizer.eos_token_id
    ending: tuple[int, ...] = () if eos is None else (int(eos),)
    if wrap == "raw":
        alone = _encode(tokenizer, ["a"])[0]
        full = list(tokenizer(["a"], add_special_tokens=True)["input_ids"][0])
        start = next((i for i in range(len(full)) if full[i : i + len(alone)] == alone), 0)
        leading, separator = tuple(full[:start]), ""
    elif wrap == "chat":
        if not tokenizer.chat_template:
            raise InputError(f"{where}: the tokenizer has no chat template; set model.wrap=raw or give it one")
        leading = ()
        separator, tail = _surroundings(tokenizer)
        ending = tuple(_encode(tokenizer, [tail])[0]) if tail else ending
    else:
        raise InputError(f"model.wrap is raw or chat, not {wrap!r}")
    if not ending:
        raise InputError(f"{where}: the tokenizer has no end-of-sequence token, so a response could never end; set eos_token")
    return Wrapping(tokenizer=tokenizer, chat=wrap == "chat", leading=leading, ending=ending, _separator=separator)


def _surroundings(tokenizer: Tokenizer) -> tuple[str, str]:
    """Return what the template puts between its generation prompt and a response, and after the response."""
    prompt = _render(tokenizer, "a")
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _MARK}]
    full = str(tokenizer.apply_chat_template(turns, tokenize=False))
    before, _, after = full.rpartition(_MARK)
    return before[len(prompt) :] if before.startswith(prompt) else "", after.strip()


def _render(tokenizer: Tokenizer, prompt: str) -> str:
    turns = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    options = {"add_special_tokens": False, "return_attention_mask": False, "verbose": False}
    return [list(ids) for ids in tokenizer(list(texts), **options)["input_ids"]]
