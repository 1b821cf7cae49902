"""The tables: words, numbers, width, and nothing lost when piped."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from sweep_builder import stop_early, write_job, write_sweep

from honesty.report import sweep
from honesty.report.load import load, read
from honesty.report.pairs import compare
from honesty.report.terminal import WIDTH, probability, show_comparison, show_job

ROOT = Path(__file__).resolve().parents[2]
LONG = "multisample dataset.train=../shared/data/triviaqa_2000.jsonl adapter.r=16 trainer.optimizer.lr=0.003"


def console() -> Console:
    return Console(file=io.StringIO(), width=WIDTH, highlight=False)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines_of(shown: str, start: str) -> list[str]:
    return [line for line in shown.splitlines() if line.startswith(start)]


def test_one_run_shows_every_score_before_and_after_with_n_and_interval(tmp_path: Path) -> None:
    written = write_job(tmp_path, unjudged=3)["evaluations"][0]
    out = console()
    show_job(read(tmp_path), out)
    shown = text(out)
    for name in (
        "accuracy",
        "prudence",
        "prudence, fixed denom.",
        "over-conservativeness",
        "honesty",
        "idk rate",
        "known → wrong",
    ):
        assert lines_of(shown, name), name
    prudence = written["scores"]["prudence"]
    (line,) = lines_of(shown, "prudence  ")
    assert f"{100 * prudence['value']:.1f}" in line
    assert f"[{100 * prudence['low']:.1f}, {100 * prudence['high']:.1f}]" in line
    assert f" {prudence['n']} " in line
    assert "3 more unjudged" in shown
    assert f"{written['cells']['8']} (8)" in lines_of(shown, "after: idk")[0]
    assert lines_of(shown, "by exposure")
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_what_is_declared_is_said_below_the_scores(tmp_path: Path) -> None:
    write_job(tmp_path)
    job = read(tmp_path)
    note = "before: declared by the set for 8 of 8 questions (8 unknown), not asked of the model"
    noted = replace(job, evaluations=tuple(replace(each, notes=(note,)) for each in job.evaluations))
    for show, jobs in ((show_job, noted), (show_comparison, [noted, noted])):
        out = console()
        show(jobs, out)  # type: ignore[operator]
        assert text(out).count("Before: declared by the set for 8 of 8 questions") == len(job.evaluations)


def test_an_added_score_follows_the_fixed_ones(tmp_path: Path) -> None:
    name = "a_metric_with_quite_a_long_name"
    write_job(tmp_path, extra={name: 0.25, f"{name}_before": 0.5})
    out = console()
    show_job(read(tmp_path), out)
    shown = text(out)
    assert shown.index("known → wrong") < shown.index("a metric with")
    (line,) = lines_of(shown, "a metric with")
    assert "50.0" in line and "25.0" in line and line.count(" 600 ") == 2 and "[21.7, 28.6]" in line
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_undefined_is_not_a_number(tmp_path: Path) -> None:
    write_job(tmp_path, known=0.0, exposure=False)
    out = console()
    show_job(read(tmp_path), out)
    assert "n/a" in lines_of(text(out), "honesty")[0]
    assert "by exposure" not in text(out)


def test_the_comparison_fits_whatever_the_names_and_ends_with_the_failed(tmp_path: Path) -> None:
    for seed in range(2):
        write_job(tmp_path / str(seed), strategy="absolute", seed=seed, job=f"absolute strategy.threshold=0.3 seed={seed}")
    write_job(tmp_path / "2", job=LONG, known=0.0)
    write_job(tmp_path / "3", job="prompt_based", error="/full/disk: no space left; free some [1/2]")
    out = console()
    show_comparison(load(tmp_path), out)
    shown = text(out)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "…" not in shown
    assert "mean over seeds" in shown
    assert shown.rstrip().endswith("/full/disk: no space left; free some [1/2]")
    assert "1 of 4 jobs failed" in shown
    folded = "".join(line[:30].strip() for line in shown.splitlines())
    assert LONG.replace(" ", "") in folded.replace(" ", "")


def test_means_over_seeds_come_first_and_many_jobs_are_left_to_the_page(tmp_path: Path) -> None:
    write_sweep(tmp_path, seeds=(0, 1, 2))
    write_job(tmp_path / "21", strategy="multisample", job="multisample lr=1", seed=0)
    jobs = load(tmp_path)
    out = console()
    show_comparison(jobs, out)
    shown = text(out)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert shown.index("mean over seeds") < shown.index("absolute")
    values = [job.evaluations[0].scores["prudence"].value for job in jobs if job.strategy == "absolute"]
    assert f" {100 * sum(value or 0 for value in values) / 3:.1f} " in lines_of(shown, "absolute ")[0]
    assert len(lines_of(shown, "multisample lr=1")) == 1  # of one seed, and still there
    assert "seed=1" not in shown
    assert "Each of the 22 jobs" in shown and "comparison.csv" in shown


def test_a_few_jobs_are_listed_below_their_means(tmp_path: Path) -> None:
    for seed in range(2):
        write_job(tmp_path / str(seed), strategy="absolute", seed=seed, job=f"absolute seed={seed}")
    out = console()
    show_comparison(load(tmp_path), out)
    assert text(out).index("mean over seeds") < text(out).index("absolute seed=0")


def test_a_sweep_that_stopped_before_evaluate_says_so_and_writes_nothing(tmp_path: Path) -> None:
    for at, strategy in enumerate(("absolute", "multisample")):
        write_job(tmp_path / str(at), strategy=strategy)
        stop_early(tmp_path / str(at), "pretrain,probe")
    write_job(tmp_path / "2", job="prompt_based", error="no space left")
    out = console()
    assert sweep.compare(tmp_path, console=out) is None
    first, second, *rest = text(out).splitlines()
    assert first == "2 jobs finished; none was evaluated (stages stopped at probe), so there is nothing to compare"
    assert second == "  probe: outputs/cache/probe/cccc"  # both jobs': said once
    assert rest[-1] == "  prompt_based: no space left"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2"]


def test_pairs_are_shown_with_both_ps(tmp_path: Path) -> None:
    jobs = load(write_sweep(tmp_path))
    pairs = compare(jobs, "factworld", lambda first, second: (12, 3, 0.0004, (0.0001, 0.25)))
    assert pairs is not None
    out = console()
    show_comparison(jobs, out, {"factworld": pairs})
    line, bounds = lines_of(text(out), "absolute / confidence_num")[0], "{<0.001, 0.250}"
    assert "<0.001" in line
    assert bounds in text(out)


def test_p_values_in_words() -> None:
    assert [probability(p) for p in (None, 0.0, 0.0009, 0.0496, 1.0)] == ["n/a", "<0.001", "<0.001", "0.050", "1.000"]


def test_piped_it_is_plain_text_in_100_columns(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    code = "import sys; from pathlib import Path; from honesty.report.sweep import compare; compare(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.rstrip().endswith(str(tmp_path / "index.html"))
    assert max(len(line) for line in done.stdout.splitlines()[:-1]) <= WIDTH


def test_the_report_loads_no_heavy_library(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    code = (
        "import sys; from pathlib import Path; from honesty.report.sweep import compare; compare(Path(sys.argv[1]));"
        "heavy = {'torch', 'transformers', 'pytorch_lightning', 'wandb', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules);"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_several_sets_of_one_job_stand_side_by_side_below_it(tmp_path: Path) -> None:
    result = write_job(tmp_path, sets=("triviaqa", "puqa"), exposure=False)
    declared = result["evaluations"][1]["scores"]
    declared["honesty"] |= {"value": None, "n": 0, "low": None, "high": None}
    (tmp_path / "result.json").write_text(json.dumps(result))
    out = console()
    show_job(read(tmp_path), out)
    shown = text(out)
    below = shown[shown.rindex("\nset ") :]
    assert max(map(len, shown.splitlines())) <= WIDTH
    for name in ("honesty", "prudence", "over-cons.", "accuracy"):
        assert name in below
    assert "accuracy before beside it" in below
    scores = result["evaluations"][0]["scores"]
    (line,) = lines_of(below, "triviaqa")
    shares = ("honesty", "prudence", "over_conservativeness", "accuracy", "known_to_wrong", "accuracy_before")
    assert line.split() == ["triviaqa", "600", *(f"{100 * scores[name]['value']:.1f}" for name in shares)]
    assert f"[{100 * scores['honesty']['low']:.1f}, {100 * scores['honesty']['high']:.1f}]" in below
    assert lines_of(below, "puqa")[0].split()[2] == "n/a"


def test_one_set_is_not_repeated(tmp_path: Path) -> None:
    write_job(tmp_path, exposure=False)
    out = console()
    show_job(read(tmp_path), out)
    assert lines_of(text(out), "set ") == [] and "accuracy before beside it" not in text(out)
