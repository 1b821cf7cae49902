"""Examples to token rows, token rows to padded tensors, an update's rows to few tensors of similar length."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from honesty.training.objective import IGNORE
from honesty.types import Example, InputError
from honesty.wrapping import Wrapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example as ids: ``prompt`` tokens to read, then response tokens to learn."""

    question_id: str
    ids: tuple[int, ...]
    prompt: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All rows of a run with what happened while they were made.

    Attributes:
        absent: examples of weight 0, left out.
        cut_prompts: rows whose prompt lost its beginning to ``max_length``.
        cut_responses: rows whose response lost its end (and its end-of-sequence token) to ``max_length``.
        apart: rows whose prompt and response had to be tokenised apart (see ``honesty.wrapping``).
    """

    rows: tuple[Row, ...]
    absent: int
    cut_prompts: int
    cut_responses: int
    apart: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows side by side, padded on the LEFT: responses end in the last column, so only ``keep`` logits are needed.

    Attributes:
        labels: the token itself where it is learnt, ``IGNORE`` where it is prompt or padding.
        position_ids: 0 at a row's first token (0 on padding too).
        weights: one per row.
        keep: longest response + 1: how many last positions the logits are computed for.
    """

    input_ids: Int[Tensor, "batch time"]
    labels: Int[Tensor, "batch time"]
    position_ids: Int[Tensor, "batch time"]
    attention_mask: Int[Tensor, "batch time"]
    weights: Float[Tensor, " batch"]
    keep: int

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on ``device``."""
        names = ("input_ids", "labels", "position_ids", "attention_mask", "weights")
        return replace(self, **{name: getattr(self, name).to(device, non_blocking=True) for name in names})


def tokenise(examples: Sequence[Example], wrapping: Wrapping, max_length: int) -> Rows:
    """Turn examples into rows of at most ``max_length`` tokens, in order; those of weight 0 are left out.

    A row that is too long first loses the beginning of its prompt (the question stands at its end), down to one token;
    then the end of its response. No row is without prompt or response tokens.

    Raises:
        InputError: a negative weight, a ``max_length`` below 2, or a prompt without a single token.
    """
    for example in examples:
        if not 0 <= example.weight < float("inf"):
            raise InputError(f"example {example.question_id}: weight must be 0 or more, not {example.weight}")
    if max_length < 2:
        raise InputError(f"trainer.max_length={max_length}: a row needs a prompt and a response token, so at least 2")
    kept = [example for example in examples if example.weight > 0]
    rows: list[Row] = []
    counts: Counter[str] = Counter()
    for example, tokens in zip(kept, wrapping.pairs([(e.prompt, e.response) for e in kept]), strict=True):
        if not tokens.prompt:
            raise InputError(f"example {example.question_id}: the prompt is empty; there is nothing to respond to")
        response = tokens.response[: max_length - 1]
        prompt = tokens.prompt[-(max_length - len(response)) :]
        counts["responses"] += len(response) < len(tokens.response)
        counts["prompts"] += len(prompt) < len(tokens.prompt)
        counts["apart"] += not tokens.joint
        rows.append(
            Row(question_id=example.question_id, ids=prompt + response, prompt=len(prompt), weight=float(example.weight))
        )
    return Rows(
        rows=tuple(rows),
        absent=len(examples) - len(kept),
        cut_prompts=counts["prompts"],
        cut_responses=counts["responses"],
        apart=counts["apart"],
    )


def collate(rows: Sequence[Row], pad: int) -> Batch:
    """Pad rows on the left to the longest of them; ``pad`` fills the ids and is masked everywhere."""
    time = max(len(row.ids) for row in rows)
    ids, labels, positions, mask = [], [], [], []
    for row in rows:
        gap, length = time - len(row.ids), len(row.ids)
        ids.append([pad] * gap + list(row.ids))
        labels.append([IGNORE] * (gap + row.prompt) + list(row.ids[row.prompt :]))
        positions.append([0] * gap + list(range(length)))
        mask.append([0] * gap + [1] * length)
    return Batch(
        input_ids=torch.tensor(ids),
        labels=torch.tensor(labels),
        position_ids=torch.tensor(positions),
        attention_mask=torch.tensor(mask),
        weights=torch.tensor([row.weight for row in rows], dtype=torch.float32),
        keep=max(len(row.ids) - row.prompt for row in rows) + 1,
    )


def group(rows: Sequence[Row], most: int | None, pass_cost: int) -> list[list[Row]]:
    """Split the rows of one update into micro-batches of similar length, so that little of the work is padding.

    Gradients are summed over an update whatever its split, so this changes speed, not results. Minimises
    sum over micro-batches of (``pass_cost`` + rows x longest), by dynamic programming over the rows in order of length.

    Args:
        rows: the rows of one update.
        most: the most rows a micro-batch may hold (``None``: all).
        pass_cost: the cost of one more forward and backward pass, in tokens.
    """
    ordered = sorted(rows, key=lambda row: len(row.ids))
    most = len(ordered) if most is None else most
    # A cut inside a run of equal lengths never saves padding, so only ends of runs (and forced cuts) are tried.
    ends = [i + 1 for i in range(len(ordered)) if i + 1 == len(ordered) or len(ordered[i + 1].ids) > len(ordered[i].ids)]
    best: dict[int, tuple[int, int]] = {0: (0, 0)}
    for end in ends:
        length = len(ordered[end - 1].ids)
        costs = []
        for start, (cost, _) in best.items():
            passes = -(-(end - start) // most)
            costs.append((cost + passes * pass_cost + (end - start) * length, start))
        best[end] = min(costs)
    groups: list[list[Row]] = []
    end = len(ordered)
    while end:
        start = best[end][1]
        groups += [ordered[i : min(i + most, end)] for i in range(start, end, most)]
        end = start
    return groups
