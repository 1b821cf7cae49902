"""Every pair of strategies, and Holm's correction."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep_builder import write_job

from honesty.report.load import load
from honesty.report.pairs import Rows, compare, holm


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1, kept rising
    assert holm([0.04, 0.01, None, 0.03]) == [pytest.approx(0.06), pytest.approx(0.03), None, pytest.approx(0.06)]


@given(st.lists(st.none() | st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_and_keeps_the_order(values: list[float | None]) -> None:
    corrected = holm(values)
    pairs = [(p, q) for p, q in zip(values, corrected, strict=True) if p is not None and q is not None]
    assert all(p <= q <= 1 for p, q in pairs)
    assert all(a[1] <= b[1] for a in pairs for b in pairs if a[0] < b[0])
    assert [p is None for p in values] == [q is None for q in corrected]


def test_each_pair_is_tested_once_on_the_lowest_seed(tmp_path: Path) -> None:
    for at, (strategy, seed) in enumerate([("absolute", 1), ("absolute", 0), ("multisample", 0), ("fine_tuned", 0)]):
        write_job(tmp_path / str(at), strategy=strategy, seed=seed, job=f"{strategy} seed={seed}", n=30)
    seen: list[tuple[int, int]] = []

    def test(first: Rows, second: Rows) -> tuple[int, int, float | None, None]:
        seen.append((len(first), len(second)))
        return 3, 1, 0.02, None

    pairs = compare(load(tmp_path), "factworld", test)
    assert pairs is not None
    assert list(pairs.pairs) == [("absolute", "multisample"), ("absolute", "fine_tuned"), ("multisample", "fine_tuned")]
    assert seen == [(30, 30)] * 3
    assert pairs.seeds == {"absolute": 0, "multisample": 0, "fine_tuned": 0}
    assert pairs.pairs["absolute", "multisample"].corrected == pytest.approx(0.06)


def test_one_strategy_has_no_pairs(tmp_path: Path) -> None:
    write_job(tmp_path / "0")
    assert compare(load(tmp_path), "factworld", lambda first, second: (0, 0, None, None)) is None
