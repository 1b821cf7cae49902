import pytest
import tiny_llama as tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from honesty.training.collate import Row, collate, group, tokenise
from honesty.training.module import batch_loss
from honesty.training.objective import IGNORE, token_losses
from honesty.types import Example, InputError
from honesty.wrapping import wrapping

ROWS = [
    Row(question_id="a", ids=(5, 6, 7, 8), prompt=2, weight=1.0),
    Row(question_id="b", ids=(9, 10, 11, 12, 13, 14, 15), prompt=4, weight=2.0),
    Row(question_id="c", ids=(16, 17), prompt=1, weight=0.5),
]


def test_batch_table() -> None:
    batch = collate(ROWS[:2], pad=0)
    assert batch.input_ids.tolist() == [[0, 0, 0, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15]]
    assert batch.labels.tolist() == [[IGNORE] * 5 + [7, 8], [IGNORE] * 4 + [13, 14, 15]]
    assert batch.position_ids.tolist() == [[0, 0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6]]
    assert batch.attention_mask.tolist() == [[0, 0, 0, 1, 1, 1, 1], [1] * 7]
    assert batch.weights.tolist() == [1.0, 2.0]
    assert batch.keep == 4


def test_few_logits_equal_all_logits_and_right_padding() -> None:
    model = tiny.llama(32)
    loss, tokens = batch_loss(model, collate(ROWS, pad=0))
    batch = collate(ROWS, pad=0)
    full = model(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, position_ids=batch.position_ids, use_cache=False
    ).logits
    torch.testing.assert_close(token_losses(full[:, :-1], batch.labels[:, 1:], batch.weights), (loss, tokens))
    time = batch.input_ids.shape[1]
    ids = torch.tensor([list(row.ids) + [0] * (time - len(row.ids)) for row in ROWS])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (time - len(row.ids)) for row in ROWS])
    labels = torch.tensor(
        [[IGNORE] * row.prompt + list(row.ids[row.prompt :]) + [IGNORE] * (time - len(row.ids)) for row in ROWS]
    )
    right = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    torch.testing.assert_close(token_losses(right[:, :-1], labels[:, 1:], batch.weights), (loss, tokens), rtol=1e-5, atol=1e-5)


def test_prompt_tokens_carry_no_gradient() -> None:
    model = tiny.llama(32)
    batch = collate(ROWS[:1], pad=0)
    full = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
    full.retain_grad()
    loss, _ = token_losses(full[:, :-1], batch.labels[:, 1:], batch.weights)
    loss.backward()
    gradient = full.grad[0].abs().sum(-1)
    # Positions 1 and 2 predict the response tokens 7 and 8; position 0 predicts a prompt token, 3 nothing.
    assert gradient[[0, 3]].tolist() == [0.0, 0.0]
    assert (gradient[[1, 2]] > 0).all()


@given(
    lengths=st.lists(st.integers(2, 60), min_size=1, max_size=20),
    most=st.none() | st.integers(1, 8),
    pass_cost=st.integers(0, 200),
)
def test_groups_hold_every_row_once_and_respect_the_limit(lengths: list[int], most: int | None, pass_cost: int) -> None:
    rows = [Row(question_id=str(i), ids=(1,) * n, prompt=1, weight=1.0) for i, n in enumerate(lengths)]
    groups = group(rows, most, pass_cost)
    assert sorted(int(row.question_id) for part in groups for row in part) == list(range(len(rows)))
    assert all(0 < len(part) <= (most or len(rows)) for part in groups)
    padded = sum(len(part) * max(len(row.ids) for row in part) + pass_cost for part in groups)
    one = len(rows) * max(lengths) + pass_cost
    assert most is not None or padded <= one


def test_groups_split_long_from_short() -> None:
    rows = [Row(question_id="s", ids=(1,) * 10, prompt=1, weight=1.0)] * 20
    rows += [Row(question_id="l", ids=(1,) * 50, prompt=1, weight=1.0)] * 4
    assert sorted(map(len, group(rows, None, 100))) == [4, 20]
    assert list(map(len, group(rows, None, 10_000))) == [24]


def test_long_rows_lose_the_beginning_of_the_prompt_then_the_end_of_the_response() -> None:
    wrap = wrapping(tiny.words(), "raw", "test")
    example = Example(question_id="x", prompt="Q: who wrote the red book?\nA: ", response="Anna Bell")
    whole = tokenise([example], wrap, 64)
    ids = whole.rows[0].ids
    assert (whole.cut_prompts, whole.cut_responses) == (0, 0)
    assert whole.rows[0].prompt == len(ids) - 3  # Anna, Bell, end of sequence
    short = tokenise([example], wrap, 6)
    assert (short.cut_prompts, short.cut_responses) == (1, 0)
    assert short.rows[0].ids == ids[-6:] and short.rows[0].prompt == 3
    shorter = tokenise([example], wrap, 3)
    assert (shorter.cut_prompts, shorter.cut_responses) == (1, 1)
    assert shorter.rows[0].ids == ids[-4:-1] and shorter.rows[0].prompt == 1


def test_weights() -> None:
    wrap = wrapping(tiny.words(), "raw", "test")
    rows = tokenise([Example(question_id="x", prompt="Q: a", response="In", weight=w) for w in (0, 2)], wrap, 64)
    assert rows.absent == 1 and [row.weight for row in rows.rows] == [2.0]
    with pytest.raises(InputError, match="example x: weight must be 0 or more"):
        tokenise([Example(question_id="x", prompt="Q: a", response="In", weight=-1)], wrap, 64)
