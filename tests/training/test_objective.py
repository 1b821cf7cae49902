import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from honesty.training.objective import IGNORE, token_losses


def test_hand_computed_value() -> None:
    # Two tokens of vocabulary: p(label) = 1/2 everywhere where logits are equal, 3/4 where they differ by log 3.
    logits = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    labels = torch.tensor([[1, 0], [IGNORE, 1]])
    loss, tokens = token_losses(logits, labels, torch.tensor([1.0, 2.0]))
    assert loss.item() == torch.tensor(math.log(2) + math.log(4 / 3) + 2 * math.log(2)).item()
    assert tokens.item() == 2 * 1 + 1 * 2


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(1, 6),
    time=st.integers(1, 5),
    cut=st.integers(0, 6),
    weights=st.lists(st.floats(0, 4, width=32), min_size=6, max_size=6),
)
def test_parts_add_up_to_the_whole(rows: int, time: int, cut: int, weights: list[float]) -> None:
    generator = torch.Generator().manual_seed(rows * 10 + time)
    logits = torch.randn(rows, time, 7, generator=generator)
    labels = torch.randint(0, 7, (rows, time), generator=generator)
    labels[torch.rand(rows, time, generator=generator) < 0.4] = IGNORE
    weight = torch.tensor(weights[:rows])
    whole = token_losses(logits, labels, weight)
    pieces = [token_losses(logits[part], labels[part], weight[part]) for part in (slice(0, cut), slice(cut, None))]
    for k in range(2):
        torch.testing.assert_close(pieces[0][k] + pieces[1][k], whole[k], rtol=1e-5, atol=1e-5)


def test_weight_zero_is_absence() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 4, 9), torch.randint(0, 9, (3, 4))
    with_zero = token_losses(logits, labels, torch.tensor([1.0, 0.0, 2.0]))
    without = token_losses(logits[[0, 2]], labels[[0, 2]], torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(with_zero, without)
