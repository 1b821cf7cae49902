"""Texts from a Hugging Face model in this process: our own decode loop, batched by tokens, independent of the batching."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from honesty.engines.decoding import Part, cache_for, draw, greedy, parts, uniforms
from honesty.engines.reading import Reading, window
from honesty.progress import console
from honesty.types import Generation, HonestyError, Sampling
from honesty.wrapping import wrapping


class HfEngine:
    """Generates with a causal model. Each distinct prompt is read once, whatever the number of samples.

    A text depends on the model, the wrapping, the prompt, the sampling and the sample's index: not on the other prompts,
    their order or ``batch_tokens`` (but for ties that rounding decides). So where the accelerator's memory is too small for a
    batch, it and those behind it are halved, at last between the samples of one prompt.

    Args:
        model: in evaluation mode, on its device.
        tokenizer: its tokenizer.
        wrap: ``raw`` or ``chat`` (see ``honesty.wrapping``).
        batch_tokens: rows x (prompt + new tokens) held at once.
        options: values for the chat template, by name.

    Raises:
        InputError: ``chat`` without a chat template; a tokenizer without an end-of-sequence token.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        wrap: str = "raw",
        batch_tokens: int = 32768,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._model, self._tokenizer, self._batch_tokens = model, tokenizer, batch_tokens
        how = wrapping(tokenizer, wrap, getattr(model.config, "name_or_path", "") or "the model", options)
        self._reading = Reading(wrapping=how, window=window(model.config))
        configured = getattr(model.generation_config, "eos_token_id", None)
        listed = [] if configured is None else configured if isinstance(configured, list) else [configured]
        self._ends = how.stops | frozenset(listed)
        self._stops = torch.tensor(sorted(self._ends), device=model.device, dtype=torch.long)

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generation]:
        """Return the texts of each prompt, in the prompts' order.

        Raises:
            InputError: a prompt that is empty, or does not fit the model's window with the new tokens.
            HonestyError: the memory is too small for one text of one prompt.
        """
        unique = list(dict.fromkeys(prompts))
        ids = self._reading.ids(unique, sampling.max_new_tokens)
        rows: list[list[list[int]]] = [[] for _ in unique]  # the tokens of each sample, by prompt
        todo = parts([len(row) for row in ids], sampling.n, sampling.max_new_tokens, self._batch_tokens)
        while todo:
            part = todo[0]
            made = self._try(part, unique, ids, sampling)
            if made is None:
                todo = [piece for each in todo for piece in each.within(self._batch_tokens)]
                continue
            todo = todo[1:]
            for k, index in enumerate(part.prompts):
                rows[index] += made[k * len(part.samples) : (k + 1) * len(part.samples)]
        done = {prompt: self._generation(prompt, mine, sampling) for prompt, mine in zip(unique, rows, strict=True)}
        return [done[prompt] for prompt in prompts]

    def _try(
        self, part: Part, prompts: Sequence[str], ids: Sequence[Sequence[int]], sampling: Sampling
    ) -> list[list[int]] | None:
        """Return the tokens of every row of ``part``; ``None`` when the memory is too small for it, but not for less."""
        try:
            return self._batch([prompts[i] for i in part.prompts], [ids[i] for i in part.prompts], part.samples, sampling)
        except torch.OutOfMemoryError:
            pass  # the attempt's tensors live as long as the error does: all that follows is outside this clause
        if part.rows == 1:
            raise HonestyError(
                f"out of memory on {self._model.device}: one text of one prompt ({part.cost:,} tokens) does not fit beside the "
                "model; lower max_new_tokens (probe.max_new_tokens, that of the judge, --max-new-tokens), take a smaller dtype "
                "of the model, or another device of the engine"
            )
        self._batch_tokens = max(part.cost // 2, 1)
        console.print(f"  note: out of memory; going on with engine.batch_tokens={self._batch_tokens}", markup=False)
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        return None

    def _batch(
        self, prompts: Sequence[str], ids: Sequence[Sequence[int]], samples: range, sampling: Sampling
    ) -> list[list[int]]:
        """Return the tokens of ``samples`` of each prompt, prompt by prompt."""
        chance = None
        if sampling.temperature > 0:
            streams = [uniforms(sampling.seed, p, i, sampling.max_new_tokens) for p in prompts for i in samples]
            chance = torch.from_numpy(np.stack(streams)).to(self._model.device)
        with torch.inference_mode():
            tokens = self._decode(ids, len(samples), sampling, chance)
        return [self._cut(row) for row in tokens.tolist()]

    def _generation(self, prompt: str, rows: Sequence[list[int]], sampling: Sampling) -> Generation:
        decoded = self._texts([row[:-1] if row[-1] in self._ends else row for row in rows])
        texts = tuple(self._reading.text(prompt, text, sampling.stop) for text in decoded)
        return Generation(texts=texts, tokens=sum(map(len, rows)))

    def _texts(self, rows: list[list[int]]) -> list[str]:
        options: dict[str, Any] = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        made: list[str] = self._tokenizer.batch_decode(rows, **options)
        return made

    def _cut(self, row: list[int]) -> list[int]:
        """Drop what follows the first stop token (the unused room of a row that ended early)."""
        end = next((i for i, token in enumerate(row) if token in self._ends), len(row) - 1)
        return row[: end + 1]

    def _decode(self, ids: Sequence[Sequence[int]], n: int, sampling: Sampling, chance: Tensor | None) -> Tensor:
        """Return [prompts x n, max_new_tokens] tokens; after a row's stop token comes more of the same token."""
        device, longest = self._model.device, max(map(len, ids))
        inputs = torch.tensor([[0] * (longest - len(row)) + list(row) for row in ids], device=device)
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=device)
        cache = cache_for(self._model.config)
        logits = self._forward(inputs, mask, (mask.cumsum(-1) - 1).clamp_(min=0), cache)
        cache.batch_repeat_interleave(n)
        logits, mask = (part.repeat_interleave(n, 0) for part in (logits, mask))
        position = mask.sum(-1, keepdim=True)
        live = torch.arange(len(mask), device=device)
        done = torch.zeros(len(mask), dtype=torch.bool, device=device)
        out = torch.full((len(mask), sampling.max_new_tokens), min(self._ends, default=0), device=device)
        for step in range(sampling.max_new_tokens):
            token = greedy(logits) if chance is None else draw(logits, sampling.temperature, chance[live, step])
            out[live[~done], step] = token[~done]
            done |= torch.isin(token, self._stops)
            if sampling.stop:
                done |= self._stopped(out[live, : step + 1], sampling.stop)
            finished = int(done.sum())
            if finished == len(done) or step + 1 == sampling.max_new_tokens:
                break
            if finished * 4 >= len(done):  # copying the cache pays once a quarter of the rows is idle
                keep = (~done).nonzero().squeeze(-1)
                cache.batch_select_indices(keep)
                mask, position, live, done, token = (part[keep] for part in (mask, position, live, done, token))
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=-1)
            logits = self._forward(token.unsqueeze(-1), mask, position, cache)
            position = position + 1
        return out

    def _stopped(self, rows: Tensor, stop: Sequence[str]) -> Tensor:
        """Say which rows [rows, tokens so far] hold a stop string; it ends in the newest token, or was found before.

        Only the tokens it can reach back over are written down: no token of several characters is shorter than one byte. A
        string missed here would still be cut off the finished text (``Reading.text``); it would only have cost time.
        """
        reach = max(len(each.encode("utf-8", "surrogatepass")) for each in stop) + 1
        texts = self._texts(rows[:, -reach:].tolist())
        return torch.tensor([any(each in text for each in stop) for text in texts], device=rows.device)

    def _forward(self, ids: Tensor, mask: Tensor, position: Tensor, cache: Any) -> Tensor:
        made = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = made.logits[:, -1]
        return logits
