import copy
import math

import pytest
import tiny_llama as tiny
import torch

from honesty import specs
from honesty.training import optimizers


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("cosine", [0.5, 1.0, 1.0, 0.5 * (1 + math.cos(math.pi / 8)), 0.5]),
        ("linear", [0.5, 1.0, 1.0, 7 / 8, 0.5]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_schedule_table(decay: str, expected: list[float]) -> None:
    schedule = specs.Schedule(warmup=0.2, decay=decay)  # type: ignore[arg-type]
    assert [optimizers.factor(schedule, update, 10) for update in (0, 1, 2, 3, 6)] == pytest.approx(expected)
    floor = specs.Schedule(warmup=0.0, decay="linear", floor=0.1)
    assert optimizers.factor(floor, 0, 10) == 1.0
    assert optimizers.factor(floor, 9, 10) == pytest.approx(0.1 + 0.9 * 0.1)


def _step(model: torch.nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def test_muon_moves_hidden_matrices_as_torch_does_and_adamw_the_rest() -> None:
    spec = specs.Muon(lr=0.02, weight_decay=0.1, adamw=specs.AdamW(lr=2e-3))
    ours, theirs = tiny.llama(40), tiny.llama(40)
    optimizer = optimizers.build(spec, ours)
    hidden = [p for n, p in theirs.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    rest = [p for n, p in theirs.named_parameters() if not any(p is h for h in hidden)]
    muon = torch.optim.Muon(hidden, lr=0.02, weight_decay=0.1)
    adamw = torch.optim.AdamW(rest, lr=2e-3, weight_decay=0.0)
    for seed in range(3):
        _step(ours, optimizer, seed)
        _step(theirs, muon, seed)
        adamw.step()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        # Newton-Schulz runs in bfloat16, so matrices agree to its rounding of one update (lr x 2^-8).
        torch.testing.assert_close(a, b, rtol=0, atol=1e-3 if any(b is h for h in hidden) else 1e-6, msg=name)


def test_state_of_the_joint_optimizer_is_resumable() -> None:
    spec = specs.Muon(lr=0.02, adamw=specs.AdamW(lr=2e-3))
    model = tiny.llama(40)
    optimizer = optimizers.build(spec, model)
    _step(model, optimizer, 0)
    again = tiny.llama(40)
    again.load_state_dict(model.state_dict())
    resumed = optimizers.build(spec, again)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for seed in (1, 2):
        _step(model, optimizer, seed)
        _step(again, resumed, seed)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_only_trainable_weights_are_given_to_the_optimizer() -> None:
    model = tiny.llama(40)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("q_proj" in name)
    for spec in (specs.AdamW(lr=1e-3), specs.Muon(lr=0.02, adamw=specs.AdamW(lr=1e-3))):
        groups = optimizers.build(spec, model).param_groups
        assert sum(len(group["params"]) for group in groups) == 2
