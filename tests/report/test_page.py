"""The results page: self-contained, escaped, complete, and drawn by a real browser."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sweep_builder import SKILL, write_job, write_sweep

from honesty.report import sweep
from honesty.report.load import load
from honesty.report.marks import styles
from honesty.report.pairs import Test
from honesty.report.plots import Point, plane, point
from honesty.report.seeds import groups
from honesty.report.sweep import single
from honesty.types import HonestyError

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
VOID = {"meta", "br", "link", "img", "input", "hr"}


def compare(directory: Path, mcnemar: Test | None = None) -> Path:
    page = sweep.compare(directory, mcnemar=mcnemar)
    assert page is not None
    return page


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of order; collects addresses and the words shown."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] != "style":
            self.words.append(data)


def parsed(path: Path) -> Balanced:
    parser = Balanced()
    parser.feed(path.read_text(encoding="utf-8"))
    assert parser.stack == []
    return parser


def dom(path: Path, tmp_path: Path, width: int = 1280) -> str:
    assert CHROMIUM is not None
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'browser'}",
        f"--window-size={width},2000",
    ]
    done = subprocess.run([CHROMIUM, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120)
    return done.stdout


def test_a_sweep_leaves_a_page_and_a_csv_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sweep(tmp_path, seeds=(0, 1), sets=("factworld", "nonambigqa"))
    page = compare(tmp_path, mcnemar=lambda first, second: (7, 2, 0.18, (0.03, 0.9)))
    assert page == tmp_path / "index.html"
    assert (tmp_path / "comparison.csv").read_text().count("\n") == 1 + 7 * 2 * 2
    assert str(page) in capsys.readouterr().out
    shown = " ".join(parsed(page).words)
    assert all(strategy in shown for strategy in SKILL)
    assert "mean of 2 seeds" in shown
    assert "absolute, seed 1" in shown
    assert "Holm" in shown
    assert "p 0.180 {0.030, 0.900}" in shown
    assert "always refuse" in shown


def test_the_page_needs_nothing_from_anywhere(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    page = compare(tmp_path)
    found = parsed(page)
    assert [address for address in found.addresses if not address.startswith("#")] == ["https://arxiv.org/abs/2312.07000"]
    assert found.tags.isdisjoint({"script", "link", "img", "iframe"})
    assert "url(" not in page.read_text() and "@import" not in page.read_text()


def test_what_models_say_is_escaped(tmp_path: Path) -> None:
    nasty = "<script>alert(1)</script> & \"'"
    result = write_job(tmp_path / "0", job=f"multisample {nasty}")
    for sample in result["evaluations"][0]["samples"]:
        sample |= {"question": nasty, "after": nasty, "before": nasty, "answers": [nasty]}
    result |= {"overrides": [nasty], "command": nasty}
    result["evaluations"][0]["dataset"] = nasty
    result["evaluations"][0]["slices"]["exposure"][0]["slice"] = "<u>0"
    (tmp_path / "0" / "result.json").write_text(json.dumps(result))
    write_job(tmp_path / "1", job=nasty, error=nasty)
    for page in (compare(tmp_path), single(tmp_path / "0")):
        assert "<script" not in page.read_text()
        assert "<u>0" not in page.read_text()
        assert any(nasty in word for word in parsed(page).words)


def test_every_svg_is_sound_and_says_what_it_shows(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    text = compare(tmp_path).read_text()
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)
    planes = [each for each in pictures if 'class="plane"' in each]
    assert len(planes) == 1
    assert len([each for each in pictures if 'class="plane enlarged"' in each]) == 1
    for each in pictures:
        ElementTree.fromstring(each)
        assert 'class="key"' in each or ("<title>" in each and "<desc>" in each)
    assert "multisample: prudence 98.0 (95 % interval" in planes[0]
    assert "NaN" not in text


def test_all_undefined_has_words_instead_of_a_plot(tmp_path: Path) -> None:
    write_job(tmp_path, known=0.0, exposure=False)
    page = single(tmp_path)
    assert 'class="plane"' not in page.read_text()
    assert any("undefined" in word for word in parsed(page).words)


def test_only_failed_jobs_still_make_a_page(tmp_path: Path) -> None:
    write_job(tmp_path / "0", error="out of memory")
    write_job(tmp_path / "1", error="out of memory")
    assert any("out of memory" in word for word in parsed(compare(tmp_path)).words)


def test_many_jobs_are_numbered(tmp_path: Path) -> None:
    for at in range(35):
        write_job(tmp_path / str(at), strategy=list(SKILL)[at % 7], seed=at, job=f"{list(SKILL)[at % 7]} lr={at // 7}", n=60)
    assert any("Numbers are those of the table" in word for word in parsed(compare(tmp_path)).words)


def test_marks_are_the_same_whatever_else_is_drawn() -> None:
    assert styles(["multisample", "mine", "absolute"]) == {"multisample": 6, "mine": 7, "absolute": 3}
    assert styles(["multisample"])["multisample"] == 6


def test_a_point_of_several_seeds_is_their_mean_and_range(tmp_path: Path) -> None:
    write_sweep(tmp_path, seeds=(0, 1, 2))
    group = next(each for each in groups(load(tmp_path), "factworld") if each.strategy == "absolute")
    found = point(group, "absolute", 3)
    assert found is not None
    xs, ys = zip(*found.seeds, strict=True)
    assert found.x == pytest.approx(sum(xs) / 3)
    assert found.y_range == pytest.approx((min(ys), max(ys)))
    assert "mean of 3 seeds" in found.spoken


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    (tmp_path / "comparison.csv").mkdir()
    with pytest.raises(HonestyError, match="cannot be written"):
        compare(tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the page in")
@pytest.mark.parametrize("width", [1600, 500])
def test_a_browser_draws_it_without_sideways_scrolling(tmp_path: Path, width: int) -> None:
    write_sweep(tmp_path, sets=("factworld", "nonambigqa", "a_set_with_quite_a_long_name"))
    page = compare(tmp_path)
    # measured by the browser itself: the page has no script, so the copy under test gets one
    fits = "document.documentElement.scrollWidth<=innerWidth"
    probe = f"<script>document.title='fits '+({fits})+' '+document.querySelectorAll('svg').length</script>"
    copy = tmp_path / "probed.html"
    copy.write_text(page.read_text().replace("</body>", probe + "</body>"))
    title = re.search(r"<title>(fits [^<]*)</title>", dom(copy, tmp_path, width))
    assert title is not None
    assert title.group(1).startswith("fits true"), title.group(1)
    assert int(title.group(1).split()[-1]) > 7


def test_the_headline_claims_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    for at, strategy in enumerate(("unaligned", "fine_tuned")):
        write_job(tmp_path / str(at), strategy=strategy)
    assert any("No better than no skill" in word for word in parsed(compare(tmp_path)).words)


def test_an_unaligned_accuracy_that_differs_between_jobs_is_a_range(tmp_path: Path) -> None:
    write_job(tmp_path / "0", seed=0, job="multisample seed=0")
    write_job(tmp_path / "1", seed=1, job="multisample seed=1", known=0.4)
    first, second = (job.evaluations[0].scores["accuracy_before"].value for job in load(tmp_path))
    assert first is not None and second is not None
    assert f"{100 * second:.1f} to {100 * first:.1f}" in compare(tmp_path).read_text()


def test_an_added_score_is_on_the_page_with_its_n_and_interval(tmp_path: Path) -> None:
    write_job(tmp_path, extra={"abstention_gain": 0.25})
    text = single(tmp_path).read_text()
    row = re.search(r"<tr><th[^>]*>abstention gain</th>.*?</tr>", text, flags=re.DOTALL)
    assert row is not None
    assert "25.0" in row.group() and "[21.7, 28.6]" in row.group() and "n = 600" in row.group()


def test_the_ledger_totals_only_what_this_run_spent(tmp_path: Path) -> None:
    write_job(tmp_path)  # 61.0 s found, 8.1 s made
    text = single(tmp_path).read_text()
    assert "found (took 1 min 1 s, 900,000 tokens when made)" in text
    total = re.search(r"this run spent</th>(.*?)</tr>", text)
    assert total is not None
    assert re.findall(r"<td>([^<]*)</td>", total.group(1)) == ["", "8.1", "51,234", "", ""]


def test_the_footer_names_the_artifacts(tmp_path: Path) -> None:
    for at in range(5):
        result = write_job(tmp_path / str(at), seed=at, job=f"multisample seed={at}")
        result["artifacts"]["fit"]["digest"] = f"{at}" * 64
        (tmp_path / str(at) / "result.json").write_text(json.dumps(result))
    footer = compare(tmp_path).read_text().split("<footer>")[1]
    assert "<code>model aaaaaaaaaaaa</code>" in footer
    assert "fit 000000000000, and 4 others, each with its job above" in footer


def crowded(*places: tuple[float, float]) -> list[Point]:
    return [
        Point(label=f"p{at}", name=f"p{at}", style=at, x=x, y=y, x_range=(x - 1, x + 1), y_range=(y - 2, y + 1))
        for at, (x, y) in enumerate(places)
    ]


def test_a_crowd_is_enlarged_and_named_there_only() -> None:
    drawn = re.findall(r"<svg.*?</svg>", plane(crowded((3, 97), (5, 87), (4.5, 88), (4, 86), (1, 3)), "x"), flags=re.DOTALL)
    names = [re.findall(r'class="label"[^>]*>([^<]*)<', each) for each in drawn]
    assert [sorted(each) for each in names] == [["p4"], ["p0", "p1", "p2", "p3"]]
    for x, y in re.findall(r'<circle[^>]*cx="([\d.]+)" cy="([\d.]+)"', drawn[1]):
        assert 58 <= float(x) <= 804 and 20 <= float(y) <= 350


@pytest.mark.parametrize("places", [[(1, 10), (5, 50), (15, 90)], [(3, 90), (3.5, 91), (18, 5)]])
def test_what_is_far_apart_or_only_a_pair_is_not_enlarged(places: list[tuple[float, float]]) -> None:
    assert plane(crowded(*places), "x").count("<svg") == 1


def test_several_sets_of_one_job_are_one_table(tmp_path: Path) -> None:
    write_job(tmp_path / "one", sets=("triviaqa", "puqa"))
    html = single(tmp_path / "one").read_text()
    table = html[html.index("Sets side by side</h2>") : html.index("</table>")]
    (scores, _) = (each.scores for each in load(tmp_path)[0].evaluations)
    row = table[table.index(">triviaqa</th><td>600") : table.index(">puqa</th><td>600")]
    for name in ("honesty", "prudence", "over_conservativeness", "accuracy", "accuracy_before"):
        score = scores[name]
        assert score.value is not None and score.low is not None and score.high is not None
        assert f"{100 * score.value:.1f}" in row and f"[{100 * score.low:.1f}, {100 * score.high:.1f}]" in row, name
    assert "accuracy before</th>" in table
    assert html.count('aria-label="Evaluation sets of') == 1
    assert parsed(tmp_path / "one" / "index.html").stack == []


def test_several_jobs_have_a_table_by_set_and_each_its_own(tmp_path: Path) -> None:
    for at, strategy in enumerate(("absolute", "multisample")):
        result = write_job(tmp_path / str(at), strategy=strategy, sets=("triviaqa", "puqa") if at else ("triviaqa",))
        for evaluation in result["evaluations"][1:]:  # every question is declared unknown there
            for name in ("honesty", "over_conservativeness"):
                evaluation["scores"][name] |= {"value": None, "n": 0, "low": None, "high": None}
        (tmp_path / str(at) / "result.json").write_text(json.dumps(result))
    html = compare(tmp_path).read_text()
    table = html[html.index("Sets side by side</h2>") : html.index("</table>")]
    assert '<th scope="col">triviaqa<small>honesty</small></th><th scope="col">puqa<small>prudence</small></th>' in table
    first, second = (row for row in table.split("<tr>")[2:])
    assert first.count('class="score"') == 1 and "\N{EN DASH}" in first, "absolute was not evaluated on puqa"
    prudence = load(tmp_path)[1].evaluations[1].scores["prudence"].value
    assert prudence is not None and second.count('class="score"') == 2 and f"{100 * prudence:.1f}" in second
    assert html.count('aria-label="Evaluation sets of') == 1, "with the job that has two"


def test_seeds_are_means_in_the_table_by_set(tmp_path: Path) -> None:
    for seed in range(2):
        write_job(tmp_path / str(seed), seed=seed, job=f"multisample seed={seed}", sets=("triviaqa", "pkqa"))
    html = compare(tmp_path).read_text()
    table = html[html.index("Sets side by side</h2>") : html.index("</table>")]
    values = [job.evaluations[1].scores["honesty"].value or 0 for job in load(tmp_path)]
    assert f"{50 * sum(values):.1f}</span>" in table and f"{100 * min(values):.1f} to {100 * max(values):.1f}" in table
    assert "Of several seeds the mean" in html


def test_a_page_of_one_set_is_no_longer_for_it(tmp_path: Path) -> None:
    write_sweep(tmp_path)
    for page in (compare(tmp_path), single(tmp_path / "0")):
        assert "side by side" not in page.read_text()
