"""The cache must be true: same key, same files; other key, other files; a crash or a race loses nothing."""

import json
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honesty.cache import Cache, canonical, digest, sharded, write_json
from honesty.specs import AdamW, Schedule, Trainer, execution
from honesty.types import HonestyError


@dataclass(frozen=True)
class Settings:
    rate: float
    phrases: tuple[str, ...] = ()
    batch: int = execution(8)


class Colour(Enum):
    RED = "red"


def make(counter: list[int]):
    def work(scratch: Path) -> dict[str, int]:
        counter.append(1)
        (scratch / "out.txt").write_text("made")
        return {"tokens": 7}

    return work


def test_a_stage_is_made_once_and_then_found(tmp_path: Path) -> None:
    calls: list[int] = []
    cache = Cache(root=tmp_path)
    first = cache.stage("probe", 1, identity=Settings(0.5), upstream={"model": "m"}, work=make(calls))
    second = cache.stage("probe", 1, identity=Settings(0.5), upstream={"model": "m"}, work=make(calls))
    assert (first.path / "out.txt").read_text() == "made"
    assert second.path == first.path
    assert len(calls) == 1
    assert [entry.hit for entry in cache.ledger] == [False, True]
    assert [entry.tokens for entry in cache.ledger] == [7, 7]


@pytest.mark.parametrize(
    ("name", "version", "identity", "upstream"),
    [
        ("build", 1, Settings(0.5), {"model": "m"}),
        ("probe", 2, Settings(0.5), {"model": "m"}),
        ("probe", 1, Settings(0.6), {"model": "m"}),
        ("probe", 1, Settings(0.5, ("x",)), {"model": "m"}),
        ("probe", 1, Settings(0.5), {"model": "n"}),
    ],
)
def test_every_part_of_the_key_counts(tmp_path: Path, name, version, identity, upstream) -> None:
    cache = Cache(root=tmp_path)
    first = cache.stage("probe", 1, identity=Settings(0.5), upstream={"model": "m"}, work=make([]))
    assert cache.stage(name, version, identity=identity, upstream=upstream, work=make([])).digest != first.digest


def test_execution_fields_are_not_identity() -> None:
    assert digest(Settings(0.5, batch=8)) == digest(Settings(0.5, batch=64))
    trainer = Trainer(batch_size=8, optimizer=AdamW(lr=0.1), schedule=Schedule(), max_steps=1, micro_batch_size=2)
    plain = canonical(trainer)
    assert "batch_size" in plain
    assert "micro_batch_size" not in plain
    assert plain == canonical(replace(trainer, micro_batch_size=4, workers=1, checkpoint_every=7))


def test_the_digest_is_pinned() -> None:
    # An unintended change of the canonical form would orphan every cache in the world: change this on purpose only.
    value = {"b": [1, 2.5, None, True], "a": Settings(0.5, ("x", "é")), "c": Colour.RED}
    assert digest(value) == "1ea64fc0ddefbcfabb7538488d5c6147"


@pytest.mark.parametrize("value", [{1: "x"}, {"a": object()}, float("nan"), float("inf"), {"s": {1, 2}}, b"x", Settings])
def test_unstable_values_raise(value) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        digest(value)


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4) | st.none(), max_size=6))
def test_the_digest_ignores_the_order_of_keys(value) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


def test_a_directory_without_a_record_does_not_exist(tmp_path: Path) -> None:
    calls: list[int] = []
    cache = Cache(root=tmp_path)
    made = cache.stage("probe", 1, identity={}, upstream={}, work=make(calls))
    (made.path / "record.json").unlink()
    again = cache.stage("probe", 1, identity={}, upstream={}, work=make(calls))
    assert len(calls) == 2
    assert (again.path / "record.json").is_file()


def test_an_artifact_that_lost_a_file_is_made_again(tmp_path: Path) -> None:
    calls: list[int] = []
    cache = Cache(root=tmp_path)
    made = cache.stage("probe", 1, identity={}, upstream={}, work=make(calls))
    (made.path / "out.txt").unlink()
    again = cache.stage("probe", 1, identity={}, upstream={}, work=make(calls))
    assert len(calls) == 2
    assert (again.path / "out.txt").read_text() == "made"


def test_classes_of_one_name_in_two_modules_are_two_identities() -> None:
    two = dataclass(frozen=True)(type("Settings", (), {"__annotations__": {"rate": float}, "__module__": "elsewhere"}))
    assert two.__qualname__ == Settings.__qualname__
    assert canonical(two(0.5))["_type"] != canonical(Settings(0.5))["_type"]


def test_a_lone_surrogate_in_the_data_is_a_character_like_any_other(tmp_path: Path) -> None:
    assert digest("\ud800") != digest("\ud801")
    rows = [shard for _ in range(2) for shard in sharded(tmp_path, ["\ud800"], 1, lambda part: [{"text": part[0]}])]
    assert rows == [[{"text": "\ud800"}]] * 2


def test_a_failing_stage_leaves_no_result_and_its_scratch_is_gone_on_from(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    seen: list[list[str]] = []

    def fail(scratch: Path) -> dict[str, int]:
        (scratch / "half").write_text("half")
        raise HonestyError("stop")

    def go_on(scratch: Path) -> dict[str, int]:
        seen.append([path.name for path in scratch.iterdir()])
        return {}

    with pytest.raises(HonestyError, match="stop"):
        cache.stage("fit", 1, identity={}, upstream={}, work=fail)
    assert not list((tmp_path / "fit").glob("*/record.json"))
    cache.stage("fit", 1, identity={}, upstream={}, work=go_on)
    assert seen == [["half"]]


def test_shards_are_read_back_and_not_made_again(tmp_path: Path) -> None:
    calls: list[list[int]] = []

    def work(part):
        calls.append(list(part))
        if part[0] == 4 and len(calls) < 4:
            raise KeyboardInterrupt
        return [{"x": item} for item in part]

    with pytest.raises(KeyboardInterrupt):
        list(sharded(tmp_path, range(5), 2, work))
    rows = [row["x"] for shard in sharded(tmp_path, range(5), 2, work) for row in shard]
    assert rows == [0, 1, 2, 3, 4]
    assert calls == [[0, 1], [2, 3], [4], [4]]


def _slow_stage(root: str, log: str) -> None:
    def work(scratch: Path) -> dict[str, int]:
        with Path(log).open("a") as handle:
            handle.write("made\n")
        time.sleep(0.5)
        return {}

    Cache(root=Path(root)).stage("pretrain", 1, identity={}, upstream={}, work=work)


def test_two_processes_do_the_work_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_slow_stage, args=(str(tmp_path / "cache"), str(log))) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(20)
        assert process.exitcode == 0
    assert log.read_text() == "made\n"


def test_kill_9_leaves_no_lock_behind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_slow_stage, args=(str(tmp_path / "cache"), str(log)))
    process.start()
    while not log.exists():
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join(20)
    _slow_stage(str(tmp_path / "cache"), str(log))
    assert log.read_text() == "made\nmade\n"


def test_an_output_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(HonestyError, match=r"cannot write .*file.*paths\.outputs=DIR"):
        Cache(root=tmp_path / "file").stage("probe", 1, identity={}, upstream={}, work=make([]))


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    def full(scratch: Path) -> dict[str, int]:
        with Path("/dev/full").open("w") as handle:
            handle.write("x" * 100_000)
        return {}

    with pytest.raises(HonestyError, match=r"No space left on device.*the same command goes on"):
        Cache(root=tmp_path).stage("probe", 1, identity={}, upstream={}, work=full)


def test_write_json_is_whole_or_absent(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
