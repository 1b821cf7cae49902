"""The paper's printed numbers: right in the package's data, and beside ours in the terminal and on the page."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from sweep_builder import PAPER_CHOICES, paper_config, score, write_job, write_paper_sweep

from honesty import config
from honesty.report import page, paper
from honesty.report.load import Job, load, read
from honesty.report.paper import Line, Row, beside, numbers, printed, shared, table
from honesty.report.terminal import WIDTH, show_comparison, show_job
from honesty.types import Score

MISPRINT = ("llama2_70b_chat", "confidence_verb")
SEVEN = {"unaligned", "fine_tuned", "prompt_based", "absolute", "confidence_num", "confidence_verb", "multisample"}


def rows(**wanted: str) -> list[Row]:
    return [row for row in printed() if all(getattr(row, name) == value for name, value in wanted.items())]


def row(dataset: str, strategy: str, backbone: str = "llama2_13b_chat") -> tuple[float | None, ...]:
    (found,) = [each for each in rows(dataset=dataset, strategy=strategy, backbone=backbone) if each.train != "triviaqa+mmlu"]
    return found.prudence, found.over_conservativeness, found.honesty, found.accuracy


def write(directory: Path, strategy: str = "multisample", **changed: object) -> paper.Beside:
    """Write a job in the paper's own set-up but for ``changed``, and set it beside the paper."""
    epochs = {"trainer__max_epochs": 1} if strategy == "multisample" else {}
    settings = {key: changed.pop(key) for key in list(changed) if "__" in key or key == "limit"}
    job = {"sets": ("triviaqa",), "paper": "llama2_13b_chat", "choices": PAPER_CHOICES, "dataset": "triviaqa", **changed}
    write_job(directory, strategy=strategy, exposure=False, config=paper_config(**{**epochs, **settings}), **job)
    found = beside(read(directory), read(directory).evaluations[0])
    assert found is not None
    return found


def shown(directory: Path) -> str:
    out = Console(file=io.StringIO(), width=WIDTH, highlight=False)
    if (directory / "result.json").is_file():
        show_job(read(directory), out)
    else:
        show_comparison(load(directory), out)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize(
    "each", [row for row in printed() if row.honesty is not None], ids=lambda row: row.source + row.strategy
)
def test_honesty_is_the_mean_of_its_parts_but_for_the_misprint(each: Row) -> None:
    assert each.prudence is not None and each.over_conservativeness is not None and each.honesty is not None
    parts = (each.prudence + 100 - each.over_conservativeness) / 2
    if (each.backbone, each.strategy) == MISPRINT:
        assert each.honesty == 71.27 and parts == pytest.approx(72.465)
        assert "misprint" in each.remark and "72.47" in each.remark
    else:
        assert each.honesty == pytest.approx(parts, abs=0.0051)
        assert not each.remark


def test_the_tables_are_complete() -> None:
    assert len(printed()) == len({(row.backbone, row.dataset, row.strategy, row.train) for row in printed()}) == 42
    for dataset in ("triviaqa", "nonambigqa", "puqa", "pkqa"):
        assert {row.strategy for row in rows(dataset=dataset, backbone="llama2_13b_chat")} == SEVEN
    for size in ("7b", "70b"):
        found = {row.strategy for row in rows(backbone=f"llama2_{size}_chat")}
        assert found == {"unaligned", "prompt_based", "confidence_verb"}
    assert {row.strategy for row in rows(dataset="mmlu", train="triviaqa+mmlu")} == {
        "fine_tuned",
        "confidence_verb",
        "multisample",
    }


@pytest.mark.parametrize(
    ("dataset", "strategy", "values"),
    [
        ("triviaqa", "multisample", (67.72, 15.89, 75.91, 68.88)),
        ("triviaqa", "confidence_verb", (58.91, 10.68, 74.12, 73.34)),
        ("nonambigqa", "fine_tuned", (0.23, 0.0, 50.11, 45.16)),
        ("nonambigqa", "multisample", (64.73, 24.37, 70.18, 44.26)),
        ("puqa", "confidence_num", (87.30, None, None, None)),
        ("pkqa", "unaligned", (None, 0.0, None, 100.0)),
        ("pkqa", "absolute", (None, 8.00, None, 95.90)),
        ("mmlu", "multisample", (9.53, 4.15, 52.69, 49.90)),
    ],
)
def test_numbers_as_printed(dataset: str, strategy: str, values: tuple[float | None, ...]) -> None:
    assert row(dataset, strategy) == values


def test_only_what_is_trained_names_its_training_sets_and_every_name_is_ours() -> None:
    for each in printed():
        assert (each.train is None) == (each.strategy in ("unaligned", "prompt_based"))
        assert each.source
        assert each.strategy in config.names("strategy")
        assert each.dataset in config.names("dataset") and each.dataset in numbers()["sets"]
        assert each.backbone in numbers()["backbones"]
    for backbone in numbers()["backbones"]:
        assert backbone in config.names("model")


def test_a_job_meets_its_row_by_what_it_was_trained_on(tmp_path: Path) -> None:
    plain = write(tmp_path / "a", sets=("mmlu",))
    mixed = write(tmp_path / "b", sets=("mmlu",), dataset__also=["mmlu"])
    assert plain.row is not None and plain.row.prudence == 9.53
    assert mixed.row is not None and mixed.row.prudence == 78.95 and "triviaqa+mmlu" in mixed.heading
    other = write(tmp_path / "c", sets=("mmlu",), dataset__also=["nq_open"])
    assert other.row is None and other.lines == ()
    untrained = write(tmp_path / "d", "prompt_based", sets=("mmlu",), dataset__also=["mmlu"])
    assert untrained.row is not None and untrained.row.prudence == 1.48


def test_difference_and_inside() -> None:
    def line(printed: float | None, value: float | None, low: float | None, high: float | None) -> Line:
        return Line(name="honesty", paper=printed, ours=Score(name="honesty", value=value, n=9, low=low, high=high))

    assert line(75.91, 0.7, 0.65, 0.76).difference == pytest.approx(-5.91)
    assert line(75.91, 0.7, 0.65, 0.76).inside is True
    assert line(76.01, 0.7, 0.65, 0.76).inside is False
    assert line(76.005, 0.7, 0.65, 0.76).inside is True  # the paper rounds
    assert line(0.0, 0.0, 0.0, 0.0).inside is True
    assert line(None, 0.7, 0.65, 0.76).difference is line(None, 0.7, 0.65, 0.76).inside is None
    assert line(75.91, None, None, None).difference is line(75.91, None, None, None).inside is None
    assert Line(name="honesty", paper=75.91, ours=None).difference is None
    told = [paper.points(line(50.0, value, None, None)) for value in (None, 0.5125, 0.496, 0.5004, 0.4996)]
    assert told == ["n/a", "+1.2", "-0.4", "0.0", "0.0"]


def test_in_the_papers_own_set_up_only_the_judge_and_the_number_of_questions_differ(tmp_path: Path) -> None:
    found = write(tmp_path)
    assert found.departures == (
        "judge default: string rules alone, without the paper's judge model",
        "600 questions (paper 9,960)",
    )
    assert write(tmp_path / "full", n=9960).departures == found.departures[:1]
    assert write(tmp_path / "half", n=9900, unjudged=60).departures == found.departures[:1]
    assert write(tmp_path / "model", n=9960, judge___target_="mylab.Judge").departures == ()


@pytest.mark.parametrize(
    ("changed", "departure"),
    [
        ({"limit": 600}, "limit=600"),
        ({"probe__m": 5}, "probe.m=5 (paper 10)"),
        ({"probe__balance": None}, "probe.balance=null (paper 8000)"),
        ({"trainer__max_epochs": 2}, "trainer.max_epochs=2 (paper 1)"),
        ({"trainer__max_steps": 20}, "trainer.max_steps=20 (paper null)"),
        ({"trainer__optimizer": {"lr": 2e-4, "weight_decay": 0.1}}, "trainer.optimizer.lr=0.0002 (paper 1e-06)"),
        (
            {"adapter___target_": "honesty.specs.Lora", "choices": {**PAPER_CHOICES, "adapter": "qlora"}},
            "adapter qlora instead of every weight",
        ),
        (
            {"model__name": "hf", "model__path": "/tiny", "choices": {**PAPER_CHOICES, "model": "hf"}},
            "model hf (/tiny) instead of llama2_13b_chat",
        ),
        (
            {"model__path": "/tiny", "overrides": ("model.path=/tiny",)},
            "model llama2_13b_chat (/tiny) instead of llama2_13b_chat",
        ),
        ({"overrides": ("dataset.path=rows.parquet",)}, "dataset.path=rows.parquet"),
        ({"overrides": ("+judge.idk_signs=[sorry]",)}, "judge.idk_signs=[sorry]"),
        (
            {"choices": {**PAPER_CHOICES, "probe": "released"}, "probe__m": 3},
            "probe released instead of asking the model, its questions taken for those of triviaqa",
        ),
    ],
)
def test_each_departure_is_named(tmp_path: Path, changed: dict[str, object], departure: str) -> None:
    same = write(tmp_path / "same").departures
    found = write(tmp_path / "other", **changed).departures
    assert departure in found and departure not in same
    assert len(found) == len(same) + 1


def test_a_threshold_differs_only_where_it_is_another(tmp_path: Path) -> None:
    for threshold, told in ((0.1, []), (0.5, ["strategy.threshold=0.5 (paper 0.1)"])):
        overrides = (f"strategy.threshold={threshold}",)
        found = write(tmp_path / str(threshold), "absolute", overrides=overrides, strategy__threshold=threshold)
        assert [text for text in found.departures if "threshold" in text] == told


def test_what_only_lets_the_papers_own_model_or_file_be_used_is_no_departure(tmp_path: Path) -> None:
    given = ("model.trust_remote_code=true", "dataset.eval_paths.puqa=puqa.jsonl", "dataset.eval=[triviaqa,puqa]")
    assert write(tmp_path / "a", overrides=given).departures == write(tmp_path / "b").departures


def test_what_is_not_trained_does_not_differ_in_how(tmp_path: Path) -> None:
    found = write(tmp_path, "prompt_based", probe__m=3, adapter___target_="honesty.specs.Lora")
    assert all("probe.m" not in text and "adapter" not in text for text in found.departures)


def test_a_result_without_its_configuration_says_so(tmp_path: Path) -> None:
    write_job(tmp_path, sets=("triviaqa",), paper="llama2_13b_chat", dataset="triviaqa")
    assert "Differs from the paper's set-up: the run's configuration is not in its result.json" in shown(tmp_path)


def test_a_run_that_names_no_backbone_is_set_beside_nothing(tmp_path: Path) -> None:
    write_job(tmp_path, sets=("triviaqa",))
    assert beside(read(tmp_path), read(tmp_path).evaluations[0]) is None
    assert "paper" not in shown(tmp_path)
    assert "Beside the paper" not in page.render([read(tmp_path)], "t", {})


def test_where_the_paper_has_no_row_that_is_said(tmp_path: Path) -> None:
    write(tmp_path / "0", paper="qwen_chat_7b", strategy="confidence_verb")
    text = " ".join(shown(tmp_path / "0").split())
    assert "between 68.53 and 74.37" in text
    assert "The paper has no row for confidence_verb on triviaqa with Qwen-Chat-7B." in text
    write(tmp_path / "1", paper="gpt2")
    assert "no row for multisample on triviaqa with gpt2, which is none of its models" in " ".join(
        shown(tmp_path / "1").split()
    )


def test_one_run_in_the_terminal(tmp_path: Path) -> None:
    found = write(tmp_path)
    text = shown(tmp_path)
    assert "Beside the paper: LLaMA2-Chat-13B, multisample on triviaqa, trained on triviaqa" in text
    below = text[text.index("Beside the paper") :]
    line = next(line for line in below.splitlines() if line.startswith("prudence"))
    ours = found.lines[0].ours
    assert ours is not None and ours.value is not None and ours.low is not None and ours.high is not None
    expected = [
        "prudence",
        "67.72",
        f"{100 * ours.value:.1f}",
        f"[{100 * ours.low:.1f},",
        f"{100 * ours.high:.1f}]",
        str(ours.n),
    ]
    assert line.split() == [*expected, f"{100 * ours.value - 67.72:+.1f}", "no"]
    assert re.search(r"accuracy, unaligned +73\.71", below)
    assert max(map(len, text.splitlines())) <= WIDTH


def test_undefined_scores_are_not_compared(tmp_path: Path) -> None:
    write(tmp_path, known=0.0)
    below = shown(tmp_path)
    below = below[below.index("Beside the paper") :]
    line = next(line for line in below.splitlines() if line.startswith("over-conservativeness"))
    assert line.split() == ["over-conservativeness", "15.89", "n/a", "0", "n/a", "n/a"]
    write(tmp_path / "puqa", sets=("puqa",))
    below = shown(tmp_path / "puqa")
    line = next(line for line in below[below.index("Beside the paper") :].splitlines() if line.startswith("honesty"))
    assert line.split()[1] == "n/a" and line.split()[-2:] == ["n/a", "n/a"]


def test_a_sweep_in_the_terminal(tmp_path: Path) -> None:
    text = shown(write_paper_sweep(tmp_path))
    assert max(map(len, text.splitlines())) <= WIDTH
    trivia = text[text.index("Beside the paper: LLaMA2-Chat-13B on triviaqa") : text.index("\nmmlu")]
    for strategy in SEVEN:
        assert re.search(rf"^{strategy} +prudence", trivia, re.MULTILINE), strategy
    assert trivia.count("accuracy, unaligned") == 1  # one unaligned model
    assert trivia.count("Differs") == 1 and "limit=600" in trivia
    assert "no row for absolute, confidence_num on mmlu with LLaMA2-Chat-13B" in " ".join(text.split())


def test_what_only_some_jobs_do_differently_is_said_of_them(tmp_path: Path) -> None:
    write(tmp_path / "0", "confidence_verb", job="confidence_verb")
    write(tmp_path / "1", job="multisample probe.m=5", probe__m=5)
    found = table(load(tmp_path), "triviaqa")
    assert shared(found) == found[0].departures
    text = " ".join(shown(tmp_path).split())
    assert "Differs for multisample probe.m=5: probe.m=5 (paper 10)." in text
    assert "Differs for confidence_verb" not in text


def test_many_jobs_are_left_to_the_page(tmp_path: Path) -> None:
    for at in range(13):
        write(tmp_path / str(at), job=f"multisample seed={at}", seed=at)
    assert "Beside the paper's numbers: 13 jobs, on the page." in shown(tmp_path)


def test_the_page_has_the_table(tmp_path: Path) -> None:
    jobs = load(write_paper_sweep(tmp_path))
    html = page.render(jobs, "t", {})
    assert html.count("<h3>Beside the paper</h3>") == 2
    part = html[html.index("<h3>Beside the paper</h3>") :]
    for value in ("67.72", "15.89", "75.91", "68.88", "outside", "inside"):
        assert value in part
    assert part.count('class="strip"') >= 28
    assert "Differs from the paper&#39;s set-up" in part
    assert "600 questions (paper 9,960)" in part
    one = page.render([jobs[6]], "t", {})
    assert one.count("<h3>Beside the paper</h3>") == 2 and "LLaMA2-Chat-13B, unaligned on triviaqa" in one


def test_what_is_said_of_a_run_is_escaped_on_the_page(tmp_path: Path) -> None:
    write(tmp_path, overrides=("dataset.path=<b>x</b>",))
    html = page.render([read(tmp_path)], "t", {})
    assert "<b>x</b>" not in html and "dataset.path=&lt;b&gt;x&lt;/b&gt;" in html


def points_of(name: str, value: float, low: float, high: float) -> dict[str, object]:
    ends = {"value": value, "low": low, "high": high}
    return {name: {**ends, "n": 88, "unjudged": 0, "source": "fixture", "unit": "points"}}


def rate(directory: Path, strategy: str = "multisample", unsafe: bool = False, **changed: object) -> list[Job]:
    """Write a job in the paper's own set-up whose responses to 88 prompts are rated."""
    config = paper_config(trainer__max_epochs=1 if strategy == "multisample" else 2) | {
        "metrics": {"low": 1.0, "high": 10.0, "judge": {"name": "helpfulness", "model": {"path": "judges/mine"}}, **changed}
    }
    result = write_job(
        directory,
        strategy=strategy,
        sets=("prompts",),
        exposure=False,
        config=config,
        dataset="triviaqa",
        paper="llama2_13b_chat",
        choices=PAPER_CHOICES,
    )
    (evaluation,) = result["evaluations"]
    ours = {
        **points_of("helpfulness_before", 5.70, 5.5, 5.9),
        **points_of("helpfulness", 5.61, 5.4, 5.8),
        **points_of("helpfulness_difference", -0.09, -0.15, -0.03),
    }
    safe = {name: score(0, 88) for name in ("unsafe_before", "unsafe", "unsafe_difference")}
    evaluation |= {"cells": {}, "controls": {}, "samples": [], "n": 88, "scores": safe if unsafe else ours}
    (directory / "result.json").write_text(json.dumps(result))
    return [read(directory)]


def test_helpfulness_stands_beside_both_of_the_papers_judges(tmp_path: Path) -> None:
    (found,) = table(rate(tmp_path), "prompts")
    assert [(paper.called(line), line.paper, paper.points(line), line.inside) for line in found.lines] == [
        ("helpfulness, 1 to 10 (Auto-J)", 5.52, "+0.09", True),
        ("helpfulness, unaligned (Auto-J)", 5.56, "+0.14", True),
        ("helpfulness, difference (Auto-J)", -0.04, "-0.05", True),
        ("helpfulness, 1 to 10 (GPT-4)", 8.56, "-2.95", False),
        ("helpfulness, unaligned (GPT-4)", 8.62, "-2.92", False),
        ("helpfulness, difference (GPT-4)", -0.06, "-0.03", True),
    ]
    assert found.departures[:2] == (
        "rated by judges/mine under a request of ours (paper: Auto-J and GPT-4)",
        "judge default: string rules alone, without the paper's judge model",
    )
    assert "88 prompts (paper 1,320)" in found.departures
    text = " ".join(shown(tmp_path).split())
    assert "Beside the paper: LLaMA2-Chat-13B, multisample on prompts, trained on triviaqa" in text
    assert "by another judge" in text and "is not checked" in text and "Per cent; difference" not in text
    assert max(map(len, shown(tmp_path).splitlines())) <= WIDTH
    html = page.render([read(tmp_path)], "t", {})
    part = html[html.index("<h3>Beside the paper</h3>") :]
    assert "helpfulness, difference (GPT-4)" in part and "5.61" in part and "-2.95" in part
    assert 'class="strip"' not in part and "0 to 100" not in part


def test_the_unaligned_model_s_ratings_are_not_told_twice(tmp_path: Path) -> None:
    (found,) = table(rate(tmp_path / "0", "unaligned"), "prompts")
    assert [line.name for line in found.lines] == ["helpfulness", "helpfulness"]
    assert not any("string rules" in text for text in found.departures), "no judge but the one that rates had a part in it"
    jobs = [*rate(tmp_path / "1", "confidence_verb"), *rate(tmp_path / "2")]
    names = [[line.name for line in one.lines] for one in table(jobs, "prompts")]
    assert [each.count("helpfulness_before") for each in names] == [2, 0]


def test_ratings_the_paper_has_no_number_for_are_set_beside_nothing(tmp_path: Path) -> None:
    assert table(rate(tmp_path / "scale", low=0.0, high=5.0), "prompts") == ()
    (other,) = table(rate(tmp_path / "other", "absolute"), "prompts")
    assert (other.row, other.lines, other.remarks) == (None, (), ())
    assert "no row for absolute on prompts" in " ".join(shown(tmp_path / "other").split())


def test_no_unsafe_response_stands_beside_ours(tmp_path: Path) -> None:
    (found,) = table(rate(tmp_path, unsafe=True), "prompts")
    assert [(paper.called(line), line.paper, line.inside) for line in found.lines] == [
        ("unsafe responses (ChatGPT)", 0.0, True),
        ("unsafe responses, unaligned (ChatGPT)", 0.0, True),
        ("unsafe, difference (ChatGPT)", 0.0, True),
    ]
    assert "88 prompts (paper 700)" in found.departures
    assert "what we hold of the paper does not say" in found.remarks[0]


def test_a_finished_probe_does_not_say_it_holds_what_also_would_add(tmp_path: Path) -> None:
    choices = {**PAPER_CHOICES, "probe": "released"}
    found = write(tmp_path, sets=("mmlu",), dataset__also=["mmlu"], choices=choices)
    assert found.row is not None and found.row.train == "triviaqa" and found.row.prudence == 9.53
    assert "probe released instead of asking the model, its questions taken for those of triviaqa" in found.departures


def test_a_balance_that_could_not_be_met_is_a_departure_where_a_model_is_trained(tmp_path: Path) -> None:
    for strategy in ("multisample", "prompt_based"):
        write(tmp_path / strategy, strategy)
        result = json.loads((tmp_path / strategy / "result.json").read_text())
        result["unmet"] = {"probe.balance=8000": "1,200 known and 4,000 unknown questions"}
        (tmp_path / strategy / "result.json").write_text(json.dumps(result))
    told = "probe.balance=8000 not met: 1,200 known and 4,000 unknown questions"
    assert told in " ".join(shown(tmp_path / "multisample").split())
    assert told not in " ".join(shown(tmp_path / "prompt_based").split())
