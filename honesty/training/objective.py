"""What training minimises: the weighted mean negative log-likelihood of response tokens."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

IGNORE = -100


def token_losses(
    logits: Float[Tensor, "batch time vocab"],
    labels: Int[Tensor, "batch time"],
    weights: Float[Tensor, " batch"],
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the weighted sum of response-token losses and its denominator, both to be summed over a whole update.

    With row weights w_b and response tokens t of row b,

        loss = sum_b w_b sum_t -log p(t)  /  sum_b w_b |t|

    so a row of weight 0 is as good as absent, a row of weight 2 counts like two, and splitting an update into
    micro-batches changes nothing as long as the denominator is the whole update's.

    Args:
        logits: position i predicts ``labels[:, i]`` (already shifted by the caller).
        labels: ``IGNORE`` where a token is prompt or padding.
        weights: one per row.
    """
    losses = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none").view_as(
        labels
    )
    return (losses.sum(1) * weights).sum(), denominator(labels, weights)


def denominator(labels: Int[Tensor, "batch time"], weights: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """Return the weighted number of response tokens."""
    return ((labels != IGNORE).sum(1).to(weights.dtype) * weights).sum().to(torch.float32)
