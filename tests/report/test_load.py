"""Reading finished jobs: order, failed jobs, bad files."""

import json
from pathlib import Path

import pytest
from sweep_builder import write_job, write_sweep

from honesty.report.load import load, outcomes, read
from honesty.report.seeds import datasets, groups
from honesty.types import InputError


def test_a_sweep_is_read_in_hydras_order(tmp_path: Path) -> None:
    for at in (10, 2, 0):
        write_job(tmp_path / str(at), job=f"job {at}")
    assert [job.job for job in load(tmp_path)] == ["job 0", "job 2", "job 10"]


def test_a_job_directory_is_a_sweep_of_one(tmp_path: Path) -> None:
    written = write_job(tmp_path)
    (job,) = load(tmp_path)
    evaluation = job.evaluations[0]
    assert evaluation.cells == {int(cell): count for cell, count in written["evaluations"][0]["cells"].items()}
    assert evaluation.scores["prudence"].value == written["evaluations"][0]["scores"]["prudence"]["value"]
    assert evaluation.slices["exposure"][0].scores.keys() >= {"accuracy", "idk_rate", "expected_accuracy_before"}
    assert "expected_accuracy" not in evaluation.slices["exposure"][0].scores  # null in the file
    assert (job.seed, job.dirty, job.ledger[0].hit) == (0, True, True)


def test_failed_jobs_are_kept_with_their_error(tmp_path: Path) -> None:
    write_job(tmp_path / "0")
    write_job(tmp_path / "1", error="no space left")
    jobs = load(tmp_path)
    assert [job.failed for job in jobs] == [False, True]
    assert jobs[1].error == "no space left"
    assert jobs[1].evaluations == ()


def test_a_failed_job_needs_no_more_than_its_head(tmp_path: Path) -> None:
    head = {"format": 1, "status": "failed", "error": "x", "job": "j", "strategy": "s", "model": "m", "dataset": "d", "seed": 0}
    (tmp_path / "result.json").write_text(json.dumps(head))
    assert read(tmp_path).failed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "format"),
        ('{"format": 99}', "format 99"),
        ('{"format": 1}', "missing"),
        (
            '{"format": 1, "status": "ok", "job": "", "strategy": "", "model": "", "dataset": "", "seed": 0, "evaluations": 3}',
            "type",
        ),
    ],
)
def test_an_unreadable_result_names_the_file_and_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load(tmp_path)
    assert str(tmp_path / "result.json") in str(caught.value)
    assert "again" in str(caught.value)


def test_a_missing_and_an_empty_directory_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        load(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no result\.json"):
        load(tmp_path)


def test_outcomes_by_set_and_question(tmp_path: Path) -> None:
    write_job(tmp_path, sets=("one", "two"), n=20)
    rows = outcomes(read(tmp_path))
    assert set(rows) == {"one", "two"}
    assert len(rows["one"]) == 20
    assert rows["one"]["q3"]["cell"] in range(1, 10)


def test_a_bad_outcomes_line_is_named(tmp_path: Path) -> None:
    write_job(tmp_path, n=2)
    with (tmp_path / "outcomes.jsonl").open("a") as file:
        file.write('{"dataset": "x"}\n')
    with pytest.raises(InputError, match=r"outcomes\.jsonl:3"):
        outcomes(read(tmp_path))


def test_jobs_that_differ_only_in_seed_are_one_group(tmp_path: Path) -> None:
    write_job(tmp_path / "0", strategy="absolute", seed=2, job="absolute strategy.threshold=0.3 seed=2")
    write_job(tmp_path / "1", strategy="absolute", seed=0, job="absolute strategy.threshold=0.3 seed=0")
    write_job(tmp_path / "2", strategy="absolute", seed=0, job="absolute strategy.threshold=0.5 seed=0")
    jobs = load(tmp_path)
    found = groups(jobs, datasets(jobs)[0])
    assert [(group.variant, group.seeds) for group in found] == [
        ("absolute strategy.threshold=0.3", (0, 2)),
        ("absolute strategy.threshold=0.5", (0,)),
    ]
    values = [each.scores["honesty"].value for each in found[0].evaluations]
    spread = found[0].spread("honesty")
    assert spread.k == 2
    assert spread.mean == pytest.approx(sum(v for v in values if v is not None) / 2)
    assert (spread.low, spread.high) == (min(values), max(values))


def test_the_mean_leaves_out_seeds_where_a_score_is_undefined(tmp_path: Path) -> None:
    write_job(tmp_path / "0", seed=0, job="multisample seed=0")
    write_job(tmp_path / "1", seed=1, job="multisample seed=1", known=0.0)
    spread = groups(load(tmp_path), "factworld")[0].spread("over_conservativeness")
    assert spread.k == 1


def test_probe_seed_is_not_the_seed(tmp_path: Path) -> None:
    write_job(tmp_path, job="multisample probe.seed=3")
    assert read(tmp_path).variant == "multisample probe.seed=3"


def test_sweep_builder_writes_every_strategy(tmp_path: Path) -> None:
    assert len(load(write_sweep(tmp_path, seeds=(0, 1)))) == 14


def test_labels_keep_what_differs_between_the_jobs(tmp_path: Path) -> None:
    for at, label in enumerate(["absolute seed=0 world=tiny", "absolute seed=1 world=tiny", "absolute world=tiny"]):
        write_job(tmp_path / str(at), job=label)
    assert [job.job for job in load(tmp_path)] == ["absolute seed=0", "absolute seed=1", "absolute"]
    assert read(tmp_path / "0").job == "absolute seed=0 world=tiny"
