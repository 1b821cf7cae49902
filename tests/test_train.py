"""train.py as a user runs it: one run, a sweep, a second run, bad input, a kill."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ENVIRONMENT, ROOT, TINY, run_train

pytestmark = pytest.mark.slow

STRATEGIES = {"unaligned", "prompt_based", "fine_tuned", "absolute", "confidence_num", "confidence_verb", "multisample"}


def result(job_dir: Path) -> dict:
    return json.loads((job_dir / "result.json").read_text())


def measured(job_dir: Path) -> dict:
    """What must not depend on when, where and in how many attempts a job ran."""
    found = result(job_dir)
    return {key: found[key] for key in ("strategy", "model", "seed", "evaluations")} | {
        "digests": {name: each["digest"] for name, each in found["artifacts"].items()}
    }


def test_a_sweep_over_all_strategies_ends_in_one_comparison(tiny_sweep: Path) -> None:
    jobs = [result(path.parent) for path in tiny_sweep.glob("*/result.json")]
    assert {job["strategy"] for job in jobs} == STRATEGIES
    assert all(job["status"] == "ok" for job in jobs)
    with (tiny_sweep / "comparison.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["strategy"] for row in rows} == STRATEGIES
    unaligned = next(row for row in rows if row["strategy"] == "unaligned")
    assert unaligned["accuracy"] == unaligned["accuracy_before"]
    page = (tiny_sweep / "index.html").read_text()
    assert all(strategy in page for strategy in STRATEGIES)


def test_a_sweep_makes_what_its_jobs_share_once(tiny_sweep: Path, tiny_outputs: Path) -> None:
    made: dict[str, int] = {}
    for path in tiny_sweep.glob("*/result.json"):
        for entry in result(path.parent)["ledger"]:
            if not entry["hit"]:
                made[entry["digest"]] = made.get(entry["digest"], 0) + 1
                made[entry["stage"]] = made.get(entry["stage"], 0) + 1
    assert made["pretrain"] == 1
    assert made["probe"] == 1
    assert made["fit"] == 5
    assert max(count for key, count in made.items() if len(key) == 32) == 1


def test_a_second_run_does_no_work_says_so_and_loads_no_torch(tiny_sweep: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "try:\n    runpy.run_path('train.py', run_name='__main__')\n"
        "finally:\n    print('TORCH' if {'torch', 'transformers', 'pytorch_lightning'} & set(sys.modules) else 'LIGHT')\n"
    )
    arguments = ["strategy=multisample", *TINY, f"paths.outputs={tiny_outputs}", f"hydra.run.dir={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "LIGHT" in done.stdout
    assert "no work was done" in done.stderr
    before = next(path.parent for path in tiny_sweep.glob("*/result.json") if result(path.parent)["strategy"] == "multisample")
    assert measured(tmp_path) == measured(before)


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"], ["--cfg", "job", "strategy=absolute", "seed=1"]])
def test_help_and_config_answer_without_torch(arguments: list[str]) -> None:
    code = (
        "import runpy, sys\n"
        "try:\n    runpy.run_path('train.py', run_name='__main__')\n"
        "finally:\n    print('TORCH' if {'torch', 'transformers', 'wandb'} & set(sys.modules) else 'LIGHT')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "LIGHT" in done.stdout
    assert "multisample" in done.stdout or "threshold" in done.stdout


def test_stages_stop_where_asked_and_a_later_run_goes_on(tiny_outputs: Path, tiny_sweep: Path, tmp_path: Path) -> None:
    common = [*TINY, f"paths.outputs={tmp_path}"]
    first = run_train("stages=[probe]", *common, f"hydra.run.dir={tmp_path}/a")
    assert first.returncode == 0, first.stderr
    assert {entry["stage"] for entry in result(tmp_path / "a")["ledger"]} == {"pretrain", "generate", "judge", "probe"}
    second = run_train("stages=[build]", "strategy=absolute", *common, f"hydra.run.dir={tmp_path}/b")
    assert second.returncode == 0, second.stderr
    hits = {entry["stage"]: entry["hit"] for entry in result(tmp_path / "b")["ledger"]}
    assert hits == {"pretrain": True, "generate": True, "judge": True, "probe": True, "build": False}


def test_one_bad_job_does_not_cost_the_others_of_a_sweep(tiny_sweep: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    overrides = ["strategy=absolute", "strategy.threshold=0.1,1.2", *TINY, f"paths.outputs={tiny_outputs}"]
    done = run_train("-m", *overrides, f"hydra.sweep.dir={tmp_path}")
    assert done.returncode == 2
    assert "threshold" in done.stderr
    assert "1.2" in done.stderr
    assert "Traceback" not in done.stderr
    with (tmp_path / "comparison.csv").open() as handle:
        assert len(list(csv.DictReader(handle))) == 1
    assert result(tmp_path / "1")["status"] == "failed"
    assert "1 of 2 jobs failed" in done.stdout


@pytest.mark.parametrize(
    ("overrides", "code", "message"),
    [
        (["probe.m=0"], 2, "m is the number of samples per question"),
        (["sede=1"], 2, "sede"),
        (["+strategy.treshold=0.5", "strategy=absolute"], 2, "did you mean threshold?"),
        (["strategy=absolut"], 2, "Could not find 'strategy/absolut'"),
        (["trainer._target_=os.system"], 2, "not a trusted target"),
        (["model=hf", "model.path=/nowhere/at/all"], 2, "no such directory"),
        (["dataset=jsonl", "dataset.train=/nowhere.jsonl", "dataset.eval=/nowhere.jsonl"], 2, "/nowhere.jsonl"),
        (["stages=[fitt]"], 2, "no stage is called 'fitt'"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(overrides: list[str], code: int, message: str, tmp_path: Path) -> None:
    done = run_train(*TINY, f"paths.outputs={tmp_path}", *overrides)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" not in done.stdout


def test_debug_trace_shows_where_a_failure_came_from(tmp_path: Path) -> None:
    done = run_train("probe.m=0", "debug=trace", f"paths.outputs={tmp_path}")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_an_output_place_that_is_a_file_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    done = run_train(*TINY, f"paths.outputs={tmp_path}")
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "paths.outputs=DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_loss_that_is_not_a_number_stops_the_fit(tiny_sweep: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    done = run_train(
        *TINY, "strategy=absolute", "trainer.optimizer.lr=1e38", f"paths.outputs={tiny_outputs}", f"hydra.run.dir={tmp_path}"
    )
    assert done.returncode == 1
    assert "loss" in done.stderr
    assert "Traceback" not in done.stderr
    assert result(tmp_path)["status"] == "failed"


def reached(when: str, cache: Path) -> bool:
    """Say whether a run has begun a stage (evaluate is what comes after the fit): what it leaves stays, so none is missed."""
    if when == "evaluate":
        return bool(list(cache.glob("fit/*/record.json")))
    return bool(list((cache / when).glob("*")))


@pytest.mark.parametrize("when", ["pretrain", "generate", "fit", "evaluate"])
def test_kill_9_at_any_moment_costs_no_result(when: str, tiny_sweep: Path, tmp_path: Path) -> None:
    """Kill the run as soon as a stage has begun, run the same command again, compare with a run nobody disturbed."""
    outputs = tmp_path / "outputs"
    overrides = [*TINY, "strategy=confidence_verb", f"paths.outputs={outputs}", f"hydra.run.dir={tmp_path}/run"]
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not reached(when, outputs / "cache"):
        assert process.poll() is None, f"the run ended before {when} was seen"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "run" / "result.json").exists()
    done = run_train(*overrides)
    assert done.returncode == 0, done.stderr
    undisturbed = next(
        path.parent for path in tiny_sweep.glob("*/result.json") if result(path.parent)["strategy"] == "confidence_verb"
    )
    assert measured(tmp_path / "run") == measured(undisturbed)


def test_files_of_ones_own_run_end_to_end_where_nothing_is_known(shared_data: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    """The tiny model knows no Non-AmbigQA question: the run ends cleanly, with n/a where nothing is known."""
    overrides = [
        "dataset=jsonl",
        f"dataset.train={shared_data}/triviaqa_2000.jsonl",
        f"dataset.eval={shared_data}/nonambigqa.jsonl",
    ]
    done = run_train(
        *TINY, "strategy=absolute", *overrides, "limit=60", f"paths.outputs={tiny_outputs}", f"hydra.run.dir={tmp_path}"
    )
    assert done.returncode == 0, done.stderr
    (evaluation,) = result(tmp_path)["evaluations"]
    assert evaluation["dataset"] == "nonambigqa"
    assert evaluation["n"] + evaluation["unjudged"] == 60
    known = evaluation["cells"]["1"] + evaluation["cells"]["4"] + evaluation["cells"]["7"]
    assert (evaluation["scores"]["over_conservativeness"]["value"] is None) == (known == 0)
    if known == 0:
        assert "n/a" in done.stdout


def test_a_local_hugging_face_directory_goes_the_same_way(tiny_sweep: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    (model,) = (tiny_outputs / "cache" / "pretrain").glob("*/model")
    shutil.copytree(model, tmp_path / "model")
    overrides = ["model=hf", f"model.path={tmp_path}/model", "trainer=lab_tiny", "world=tiny", "logger=none", "limit=20"]
    done = run_train("strategy=absolute", *overrides, f"paths.outputs={tmp_path}/o", f"hydra.run.dir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    assert result(tmp_path / "run")["model"] == "hf"
    (tmp_path / "model" / "model.safetensors").unlink()
    broken = run_train("strategy=absolute", *overrides, f"paths.outputs={tmp_path}/p")
    assert broken.returncode == 2
    assert "no weights" in broken.stderr


def test_wandb_offline_is_the_default_says_so_once_and_never_asks(tiny_sweep: Path, tiny_outputs: Path, tmp_path: Path) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if not key.startswith("WANDB")}
    overrides = [text for text in TINY if text != "logger=none"]
    done = subprocess.run(
        [
            sys.executable,
            "train.py",
            "strategy=absolute",
            *overrides,
            f"paths.outputs={tiny_outputs}",
            f"hydra.run.dir={tmp_path}",
        ],
        cwd=ROOT,
        env={**environment, "HOME": str(tmp_path), "NETRC": str(tmp_path / "none")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in (done.stdout + done.stderr).splitlines() if "wandb sync" in line]
    assert len(said) == 1
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
