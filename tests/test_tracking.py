"""Tracking: what each logger leaves, W&B offline read back, and no wandb without need."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent / "report"))

from sweep_builder import write_job

from honesty import rows as flat
from honesty import wandb_env
from honesty.tracking import Csv, Job, Off, Wandb

ROOT = Path(__file__).resolve().parent.parent
KEY = "a" * 40

# two jobs and a comparison in one process, as in a multirun; the second job fails when asked to
PROGRAM = """
import json, sys, time
from pathlib import Path
from honesty import tracking

root = Path(sys.argv[1])
settings = tracking.Wandb(tags=("pilot",), **json.loads(sys.argv[2]))
start = time.monotonic()
for name in ("0", "1"):
    result = json.loads((root / name / "result.json").read_text())
    tags, config = ["factworld", "multisample"], {"strategy": {"m": 10}}
    job = tracking.Job(directory=root / name, name=f"job {name}", group="sweep", tags=tags, config=config)
    try:
        with settings.open(job) as tracker:
            tracker.curve("pretrain", [{"step": 0, "loss": 3.0}, {"step": 50, "loss": 1.0}])
            tracker.curve("fit", [{"step": 0, "loss": 2.0}, {"step": 10, "loss": 0.5}])
            tracker.result(result)
            if name in sys.argv[3:]:
                raise RuntimeError("as planned")
    except RuntimeError:
        pass
rows = [{"job": "a", "honesty": 0.5}, {"job": "b", "honesty": None}]
settings.comparison(root, rows, group="sweep", page=root / "index.html")
print(f"SECONDS {time.monotonic() - start:.2f} TORCH {'torch' in sys.modules}")
"""


def run(
    root: Path, *failing: str, settings: dict[str, Any] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    for name in ("0", "1"):
        write_job(root / name, n=50)
    (root / "index.html").write_text("<!doctype html><p>page</p>")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_") and name != "NETRC"}
    clean |= {"HOME": str(root / "home"), "PYTHONPATH": str(ROOT), **variables}
    (root / "home").mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), json.dumps(settings if settings is not None else {}), *failing],
        env=clean,
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("W&B:")]


def inspect(directory: Path, *flags: str) -> str:
    (run_dir,) = directory.glob("wandb/offline-run-*")
    command = [sys.executable, "-m", "wandb", "leet", "inspect", *flags, "--json", str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def summary(directory: Path) -> dict[str, Any]:
    found = json.loads(inspect(directory, "--summary"))
    assert isinstance(found, dict)
    return found


def records(directory: Path) -> str:
    return inspect(directory)


@contextmanager
def server(status: int) -> Iterator[str]:
    """A server that answers every request with ``status``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    root = tmp_path_factory.mktemp("my sweep")
    return root, run(root, "1")


def test_without_a_key_each_run_says_one_line_and_how_to_sync(offline: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, done = offline
    assert done.returncode == 0, done.stderr
    lines = said(done)
    assert len(lines) == 3 == len(done.stderr.splitlines())
    for line, directory in zip(lines, (root / "0", root / "1", root), strict=True):
        assert "no API key" in line
        (run_dir,) = directory.glob("wandb/offline-run-*")
        assert line.endswith(f"wandb sync '{run_dir}'")  # quoted: the path has a space
    assert "TORCH False" in done.stdout


def test_the_offline_run_holds_config_scores_curves_and_tables(offline: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, _ = offline
    found = summary(root / "0")
    expected = json.loads((root / "0" / "result.json").read_text())["evaluations"][0]
    assert (found["state"], found["exit_code"], found["name"], found["project"]) == ("finished", 0, "job 0", "honesty")
    assert found["config"] == {"strategy": {"m": 10}}
    assert set(found["tags"]) == {"factworld", "multisample", "pilot"}
    scores = found["summary"]
    assert scores["factworld/honesty"] == pytest.approx(expected["scores"]["honesty"]["value"])
    assert scores["factworld/prudence_n"] == expected["scores"]["prudence"]["n"]
    assert scores["factworld/cell_8"] == expected["cells"]["8"]
    assert (scores["fit/loss"], scores["fit/step"], scores["pretrain/step"]) == (0.5, 10, 50)
    assert (scores["transition"]["_type"], scores["transition"]["nrows"]) == ("table-file", 3)
    assert scores["samples"]["nrows"] == len(expected["samples"])
    (table,) = (root / "0").glob("wandb/offline-run-*/files/media/table/transition*.json")
    assert json.loads(table.read_text())["data"][2] == ["factworld", "idk", *(expected["cells"][cell] for cell in "789")]


def test_several_runs_in_one_process_stay_several(offline: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, _ = offline
    found = [summary(directory) for directory in (root / "0", root / "1", root)]
    assert len({each["run_id"] for each in found}) == 3
    assert [each["exit_code"] for each in found] == [0, 1, 0]  # the failed one is finished too, as failed
    assert [len(json.dumps(each["summary"])) > 2 for each in found] == [True, True, True]


def test_the_comparison_is_a_run_of_the_group(offline: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, _ = offline
    found = summary(root)["summary"]
    assert (found["comparison"]["nrows"], found["comparison"]["ncols"]) == (2, 2)
    assert found["page"]["_type"] == "html-file"
    for directory, job_type in ((root / "0", "train"), (root, "comparison")):
        text = records(directory).replace(" ", "")
        assert '"sweep"' in text
        assert f'"{job_type}"' in text


def test_tables_are_kept_under_the_job_not_at_home(offline: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    root, _ = offline
    assert not list((root / "home").glob("**/artifacts"))


def test_with_a_key_and_no_network_it_goes_offline_within_seconds(tmp_path: Path) -> None:
    done = run(tmp_path, WANDB_API_KEY=KEY, WANDB_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert all("does not answer" in line and "wandb sync" in line for line in said(done))
    assert float(done.stdout.split()[1]) < 20
    assert summary(tmp_path / "0")["state"] == "finished"


def test_a_key_the_server_refuses_goes_offline_and_says_so(tmp_path: Path) -> None:
    with server(401) as url:
        done = run(tmp_path, WANDB_API_KEY=KEY, WANDB_BASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert len(said(done)) == 3
    assert all("refused" in line for line in said(done))
    (run_dir,) = (tmp_path / "1").glob("wandb/offline-run-*")
    assert run_dir.is_dir()


@pytest.mark.parametrize(
    ("settings", "variables", "message"),
    [
        ({"mode": "online"}, {}, "InputError: W&B mode is online, but no API key"),
        ({}, {"WANDB_MODE": "online"}, "InputError: W&B mode is online, but no API key"),
        ({}, {"WANDB_MODE": "online", "WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"}, "does not answer"),
        ({}, {"WANDB_MODE": "maybe"}, "InputError: WANDB_MODE is 'maybe'"),
    ],
)
def test_online_by_name_is_not_quietly_offline(
    tmp_path: Path, settings: dict[str, str], variables: dict[str, str], message: str
) -> None:
    done = run(tmp_path, settings=settings, **variables)
    assert done.returncode == 1
    assert message in done.stderr


def test_the_users_own_variables_keep_their_meaning(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    names = {"WANDB_PROJECT": "mine", "WANDB_RUN_GROUP": "ours", "WANDB_TAGS": "x,y", "WANDB_MODE": "offline"}
    done = run(tmp_path, WANDB_DIR=str(elsewhere), **names)
    assert done.returncode == 0, done.stderr
    assert all("offline, as asked" in line and str(elsewhere) in line for line in said(done))
    assert len(list(elsewhere.glob("wandb/offline-run-*"))) == 3
    assert not list(tmp_path.glob("0/wandb/offline-run-*"))
    newest = next(path for path in elsewhere.glob("wandb/offline-run-*"))
    text = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--summary", "--json", str(newest)], capture_output=True, text=True
    ).stdout
    assert json.loads(text)["project"] == "mine"
    assert {"x", "y", "pilot"} <= set(json.loads(text)["tags"])


def test_disabled_and_none_never_import_wandb(tmp_path: Path) -> None:
    write_job(tmp_path, n=20)
    code = (
        "import os, sys; from pathlib import Path; from honesty.tracking import *\n"
        "for settings in (Off(), Csv(), Wandb(mode='disabled'), Wandb()):\n"
        "    with settings.open(Job(directory=Path(sys.argv[1]), name='x')) as tracker:\n"
        "        tracker.curve('fit', [{'step': 0, 'loss': 1.0}]); tracker.result({'evaluations': []}); tracker.finish(0)\n"
        "    settings.comparison(Path(sys.argv[1]), [], group='g')\n"
        "assert not {'wandb', 'torch', 'pandas'} & set(sys.modules), 'loaded'\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "WANDB_MODE": "disabled"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "wandb").exists()


def test_csv_files_hold_curves_scores_cells_and_samples(tmp_path: Path) -> None:
    result = write_job(tmp_path, n=40)
    with Csv().open(Job(directory=tmp_path, name="x")) as tracker:
        tracker.curve("fit", [{"step": 0, "loss": 2.0}, {"step": 5, "loss": 1.0, "val_loss": 1.5}])
        tracker.result(result)

    def rows(name: str) -> list[dict[str, str]]:
        with (tmp_path / name).open(newline="") as file:
            return list(csv.DictReader(file))

    assert rows("curve_fit.csv") == [
        {"step": "0", "loss": "2.0", "val_loss": ""},
        {"step": "5", "loss": "1.0", "val_loss": "1.5"},
    ]
    scores = {row["score"]: row for row in rows("scores.csv")}
    assert float(scores["prudence"]["value"]) == result["evaluations"][0]["scores"]["prudence"]["value"]
    assert sum(int(row[f"before {label}"]) for row in rows("cells.csv") for label in ("correct", "wrong", "idk")) == 40
    assert len(rows("samples.csv")) == len(result["evaluations"][0]["samples"])


def test_a_wrong_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="mode is one of"):
        Wandb(mode="sometimes")  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "kind"), [("wandb", Wandb), ("csv", Csv), ("none", Off)])
def test_each_yaml_builds_its_record(name: str, kind: type) -> None:
    node = yaml.safe_load((ROOT / "conf" / "logger" / f"{name}.yaml").read_text())
    assert node.pop("_target_") == f"honesty.tracking.{kind.__name__}"
    assert isinstance(kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in node.items()}), kind)


def test_a_key_is_found_in_netrc_under_either_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(
        f"machine api.wandb.ai login user password {KEY}\nmachine wandb.corp login user password {KEY[:-1]}b\n"
    )
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert wandb_env.api_key(None, "https://api.forge.coreweave.com") == KEY
    assert wandb_env.api_key(None, "https://wandb.corp") == KEY[:-1] + "b"
    assert wandb_env.api_key(None, "https://other.example") is None
    assert wandb_env.api_key("given", "https://other.example") == "given"
    monkeypatch.setenv("NETRC", str(tmp_path / "missing"))
    assert wandb_env.api_key(None, "https://api.wandb.ai") is None


def test_any_answer_is_reachable_and_silence_is_not() -> None:
    with server(404) as url:
        assert wandb_env.reachable(url)
    assert not wandb_env.reachable("http://127.0.0.1:9")


def test_variables_the_user_set_are_left_to_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "false")
    monkeypatch.setenv("WANDB__DISABLE_STATS", "false")
    quiet = wandb_env.quiet()
    assert "silent" not in quiet
    assert "x_disable_stats" not in quiet
    assert quiet["console"] == "off"


def test_what_is_unjudged_bounds_a_score_in_a_dashboard_too() -> None:
    numbers = {"value": 0.5, "n": 3, "low": 0.1, "high": 0.9, "unjudged": 2, "least": 0.05, "most": 0.95}
    evaluation = {"dataset": "d", "n": 3, "unjudged": 2, "cells": {}, "scores": {"honesty": numbers}}
    (row,) = flat.score_rows({"evaluations": [evaluation]})
    assert dict(zip(flat.SCORE_COLUMNS, row, strict=True)) == {"dataset": "d", "score": "honesty", **numbers}
    assert (flat.summary(evaluation)["d/honesty_least"], flat.summary(evaluation)["d/honesty_most"]) == (0.05, 0.95)
    assert "d/honesty_least" not in flat.summary({**evaluation, "unjudged": 0})
