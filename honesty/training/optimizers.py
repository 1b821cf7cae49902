"""Optimizers and the learning-rate schedule, built from their specs."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from honesty import specs


class MuonAdamW(torch.optim.Optimizer):
    """Muon on hidden matrices and AdamW on everything else, as one optimizer with one state dict.

    The two inner optimizers share this one's parameter groups and state, so a schedule, a checkpoint and Lightning see
    a single optimizer. Muon: ``torch.optim.Muon`` (momentum 0.95, Nesterov, five Newton-Schulz iterations).
    """

    def __init__(self, hidden: list[nn.Parameter], rest: list[nn.Parameter], spec: specs.Muon) -> None:
        self._inner: list[torch.optim.Optimizer] = []
        if hidden:
            self._inner.append(torch.optim.Muon(hidden, lr=spec.lr, weight_decay=spec.weight_decay))
        if rest:
            self._inner.append(_adamw(rest, spec.adamw))
        super().__init__([group for inner in self._inner for group in inner.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Make the inner optimizers (one group each) work on this one's groups and state."""
        for inner, group in zip(self._inner, self.param_groups, strict=True):
            inner.param_groups, inner.state = [group], self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update the parameters; ``closure``, when given, is evaluated first and its value returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for inner in self._inner:
            inner.step()
        return loss


def build(spec: specs.AdamW | specs.Muon, model: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer of ``model``'s trainable parameters, each group with its ``initial_lr``."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if isinstance(spec, specs.AdamW):
        optimizer: torch.optim.Optimizer = _adamw(list(named.values()), spec)
    else:
        hidden = {name: p for name, p in named.items() if name in _hidden_matrices(model)}
        rest = [p for name, p in named.items() if name not in hidden]
        optimizer = MuonAdamW(list(hidden.values()), rest, spec)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return optimizer


def factor(schedule: specs.Schedule, update: int, updates: int) -> float:
    """Return the share of the peak learning rate at ``update`` (0-based) of ``updates``.

    Linear warm-up over the first ceil(warmup x updates) updates, whose last is the first at the peak; then the decay,
    which would reach ``floor`` one update after the last, so no update is spent at zero.
    """
    warm = math.ceil(schedule.warmup * updates)
    if update < warm:
        return (update + 1) / warm
    done = (update - warm) / max(updates - warm, 1)
    left = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}[schedule.decay]
    return schedule.floor + (1 - schedule.floor) * left


def plain(spec: specs.AdamW | specs.Muon) -> Mapping[str, Any]:
    """Return the optimizer's settings as plain data, for a checkpoint's hyperparameters."""
    values = {"name": type(spec).__name__, "lr": spec.lr, "weight_decay": spec.weight_decay}
    return values | ({"adamw": dict(plain(spec.adamw))} if isinstance(spec, specs.Muon) else {"betas": list(spec.betas)})


def _adamw(parameters: list[nn.Parameter], spec: specs.AdamW) -> torch.optim.AdamW:
    return torch.optim.AdamW(parameters, lr=spec.lr, weight_decay=spec.weight_decay, betas=spec.betas, fused=True)


def _hidden_matrices(model: nn.Module) -> set[str]:
    """Return the names of the weights of linear layers inside the blocks: not embeddings, not the output layer."""
    output = getattr(model, "get_output_embeddings", lambda: None)()
    tied = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    return {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not output and id(module.weight) not in tied
    }
