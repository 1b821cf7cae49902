"""The results as tables in a terminal, at most 100 columns wide; the same text, without colour, when piped."""

import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from honesty.report import paper
from honesty.report.load import Evaluation, Job, Slice
from honesty.report.pairs import Pair, Pairs
from honesty.report.seeds import Group, Spread, datasets, groups
from honesty.report.table import (
    CONTROLS,
    LETTERS,
    MISSING,
    PAIRED,
    SCORES,
    UNDEFINED,
    by_slice,
    compared,
    extras,
    interval,
    itself,
    number,
    present,
    title,
    words,
)
from honesty.types import Score

WIDTH = 100
MAX_JOBS = 12  # listed one by one below the means over their seeds
MAX_PAIRS = 21  # the seven strategies; more would bury the scores
CAPTION = "Per cent. n is the denominator. Controls: every question declined; as many declined at random."
RATED = "By a judge model: ratings in its points, shares in per cent. n: prompts whose responses it rated, before and after."
SETS = "Per cent [95 % interval], after alignment; accuracy before beside it. A declared column has no interval."
PAPER_CAPTION = "Per cent; difference in points, ours minus the paper's. The interval is ours: the paper prints none."
RATED_BESIDE = "Ours minus the paper's, by another judge. The interval is ours: the paper prints none."
SLICE = "exposure"  # the one that says most; the page has them all
MAX_SLICES = 16  # kinds of prompts listed here
RATED_COLUMNS = 3  # before, after, difference; the page has the rest


def stdout() -> Console:
    """Return a console on standard output; 100 columns when that is not a terminal, so that nothing is cut."""
    width = None if sys.stdout.isatty() else WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, soft_wrap=False)


def show_job(job: Job, console: Console | None = None) -> None:
    """Print one run: every score before and after with n and interval, controls, the nine cells, exposure, unjudged."""
    console = console if console is not None else stdout()
    if job.failed:
        show_failures([job], console)
        return
    for evaluation in job.evaluations:
        console.print()
        name = f"{job.job} on {evaluation.dataset}" if job.job else evaluation.dataset
        console.print(Text(f"{name}, {evaluation.n:,} {_things(evaluation)}{_unjudged(evaluation)}", style="bold"))
        console.print(_scores(evaluation))
        console.print(Text(CAPTION if evaluation.cells else RATED, style="dim"))
        if evaluation.unjudged:
            console.print(Text(PAIRED, style="dim"))
        _show_notes([evaluation], console)
        if evaluation.cells:
            console.print()
            console.print(_cells(evaluation))
        _show_slices(job, evaluation, console)
        _show_paper(paper.table([job], evaluation.dataset), console)
    if len(job.evaluations) > 1:
        console.print()
        console.print(_sets(job))
        console.print(Text(SETS, style="dim"))


def show_comparison(jobs: Sequence[Job], console: Console | None = None, pairs: Mapping[str, Pairs] | None = None) -> None:
    """Print the comparison on each evaluation set, and the failed jobs at the end.

    Where variants have several seeds their means come first, and more than ``MAX_JOBS`` jobs are not listed one by one.
    """
    console = console if console is not None else stdout()
    for dataset in datasets(jobs):
        console.print()
        console.print(Text(dataset, style="bold"))
        found = groups(jobs, dataset)
        count = sum(len(group.jobs) for group in found)
        several = any(len(group.jobs) > 1 for group in found)
        if several:
            console.print(_means(found))
            console.print()
        if not several or count <= MAX_JOBS:
            console.print(_comparison(jobs, dataset))
        else:
            console.print(f"Each of the {count} jobs with its 95 % intervals: in comparison.csv and on the page.")
        console.print(Text(_caption(jobs, dataset, bracketed=not several or count <= MAX_JOBS), style="dim"))
        _show_notes([each for job in jobs for each in job.evaluations if each.dataset == dataset], console)
        _show_paper(paper.table(jobs, dataset), console)
        if pairs is not None and dataset in pairs:
            _show_pairs(pairs[dataset], console)
    show_failures(jobs, console)


def show_unevaluated(jobs: Sequence[Job], console: Console) -> None:
    """Print that no job got as far as a score, where they stopped, and what they left in the cache, each once."""
    finished = [job for job in jobs if not job.failed]
    ends = list(dict.fromkeys(_last_stage(job) for job in finished))
    count = f"{len(finished)} job{'s' if len(finished) != 1 else ''} finished"
    stopped = f"stages stopped at {', '.join(ends)}"
    console.print(f"{count}; none was evaluated ({stopped}), so there is nothing to compare", soft_wrap=True, markup=False)
    left: dict[tuple[str, str], list[str]] = {}
    for job in finished:
        for name, artifact in job.artifacts.items():
            left.setdefault((name, artifact["path"]), []).append(job.job)
    for (name, path), owners in left.items():
        # what every job shares needs no owner
        of = f"  ({', '.join(owners)})" if len(owners) < len(finished) else ""
        console.print(f"  {name}: {path}{of}", soft_wrap=True, markup=False)
    show_failures(jobs, console)


def _last_stage(job: Job) -> str:
    """Return the last stage the job was asked for (``stages=[probe]``), else the last one it left something of."""
    for override in job.overrides:
        if override.startswith("stages="):
            return override.removeprefix("stages=").strip("[]'\" ").split(",")[-1].strip()
    last = [*job.artifacts][-1] if job.artifacts else "no stage"
    return {"model": "pretrain", "examples": "build"}.get(last, last)


def show_failures(jobs: Sequence[Job], console: Console) -> None:
    """Print the jobs that failed, each with its error."""
    failed = [job for job in jobs if job.failed]
    if not failed:
        return
    console.print()
    console.print(Text(f"{len(failed)} of {len(jobs)} jobs failed", style="bold red"))
    for job in failed:
        console.print(Text(f"  {job.job}: {job.error if job.error is not None else job.status}"), overflow="fold")


def new_table(*headers: str, title: str | None = None) -> Table:
    """Return an empty table in the style of all of ours: the first column left, the others right and never broken."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for at, header in enumerate(headers):
        table.add_column(Text(header), justify="right" if at else "left", no_wrap=bool(at), overflow="fold")
    return table


def _scores(evaluation: Evaluation) -> Table:
    refusing = ("always\nrefuse", "random\nrefuse") if evaluation.cells else ()  # nothing to refuse about in a rating
    table = new_table("", "before", "95 % interval", "n", "after", "95 % interval", "n", *refusing)
    for name in (*present([evaluation], SCORES), *extras([evaluation])):
        after = evaluation.scores.get(name)
        before = itself(evaluation, name)
        controls = [evaluation.controls.get(control, {}).get(name) for control in CONTROLS if evaluation.cells]
        table.add_row(
            Text(title(name).replace("denominator", "denom.")),
            *_spelled(before),
            *_spelled(after, style="bold"),
            *(MISSING if control is None else number(control.value) for control in controls),
        )
    return table


def _spelled(score: Score | None, style: str = "") -> tuple[Text, str, str]:
    if score is None:
        return Text(MISSING), "", ""
    return Text(number(score.value, score.unit), style=style), _lines(interval(score)), f"{score.n:,}"


def _lines(bracketed: str) -> str:
    """Return an interval and its bounds, where it has some, one below the other: side by side they are too wide."""
    return bracketed.replace(" {", "\n{")


def _cells(evaluation: Evaluation) -> Table:
    table = new_table("questions (cell)", *(f"before: {letter}" for letter in LETTERS), "all")
    for row, letter in enumerate(LETTERS):
        numbers = [3 * row + column for column in (1, 2, 3)]
        counts = [evaluation.cells[cell] for cell in numbers]
        shown = [f"{count:,} ({cell})" for cell, count in zip(numbers, counts, strict=True)]
        table.add_row(f"after: {letter}", *shown, f"{sum(counts):,}")
    columns = [sum(evaluation.cells[column + 3 * row] for row in range(3)) for column in (1, 2, 3)]
    table.add_row("all", *(f"{count:,}    " for count in columns), f"{sum(columns):,}")
    return table


def _show_slices(job: Job, evaluation: Evaluation, console: Console) -> None:
    """Print the slices that say most: exposure, and the kinds of rated prompts while they are few."""
    for name, rows in evaluation.slices.items():
        if evaluation.cells and name != SLICE:
            continue
        console.print()
        if len(rows) > MAX_SLICES and not evaluation.cells:
            console.print(f"By {name}: {len(rows)} of them, {'on the page' if job.job else 'with --json'}.", markup=False)
        else:
            console.print(_slices(name, rows, None if evaluation.cells else RATED_COLUMNS))


def _slices(name: str, rows: Sequence[Slice], most: int | None) -> Table:
    shown = list(by_slice(rows).items())[:most]
    headers = [words.replace(", ", "\n") if ", " in words else words.replace(" ", "\n", 1) for _, words in shown]
    table = new_table(f"by {name}", "n", *headers)
    for row in rows:
        table.add_row(Text(row.name), f"{row.n:,}", *(_stacked(row.scores.get(key)) for key, _ in shown))
    return table


def _comparison(jobs: Sequence[Job], dataset: str) -> Table:
    shown = compared([evaluation for job in jobs for evaluation in job.evaluations if evaluation.dataset == dataset])
    table = new_table("job", "n", *(_short(name) for name in shown))
    for job in jobs:
        for evaluation in job.evaluations:
            if evaluation.dataset == dataset:
                scores = (_stacked(evaluation.scores.get(name)) for name in shown)
                table.add_row(Text(job.job), f"{evaluation.n:,}", *scores)
    return table


def _sets(job: Job) -> Table:
    """Return a job's evaluation sets side by side, a row each."""
    shown = compared(job.evaluations)
    before = ("accuracy_before",) if any("accuracy_before" in each.scores for each in job.evaluations) else ()
    table = new_table("set", "n", *(_short(name) for name in shown), *("accuracy\nbefore" for _ in before))
    for each in job.evaluations:
        table.add_row(Text(each.dataset), f"{each.n:,}", *(_stacked(each.scores.get(name)) for name in (*shown, *before)))
    return table


def _means(found: Sequence[Group]) -> Table:
    shown = compared([evaluation for group in found for evaluation in group.evaluations])
    table = new_table("mean over seeds [range]", "seeds", *(_short(name) for name in shown))
    for group in found:
        spreads = (_ranged(group.spread(name), len(group.jobs)) for name in shown)
        table.add_row(Text(group.variant), str(len(group.jobs)), *spreads)
    return table


def _caption(jobs: Sequence[Job], dataset: str, bracketed: bool) -> str:
    evaluations = [each for job in jobs for each in job.evaluations if each.dataset == dataset]
    scores = [each.scores.get("accuracy_before") for each in evaluations]
    before = sorted({words(score) if bracketed or score is None else number(score.value) for score in scores})
    accuracy = f"Unaligned accuracy {before[0]}. " if len(before) == 1 and any(scores) else ""
    unjudged = sum(each.unjudged for each in evaluations)
    if not any(each.cells for each in evaluations):
        return f"{RATED}{f' Unjudged and left out: {unjudged:,}. {PAIRED}' if unjudged else ''}"
    left_out = f" Unjudged and left out: {unjudged:,}. {PAIRED}" if unjudged else ""
    honest = present(evaluations, ["honesty"])
    controls = "Never refusing, always refusing and refusing at random score honesty 50." if honest else ""
    return f"Per cent{' [95 % interval]' if bracketed else ''}. {accuracy}{controls}{left_out}".rstrip()


def _show_notes(evaluations: Sequence[Evaluation], console: Console) -> None:
    """Print what of the scores is declared rather than measured, each sentence once."""
    for note in dict.fromkeys(note for each in evaluations for note in each.notes):
        console.print(Text(f"{note[0].upper()}{note[1:]}."), overflow="fold")


def _show_pairs(pairs: Pairs, console: Console) -> None:
    if len(pairs.pairs) > MAX_PAIRS:
        console.print(f"McNemar's test of {len(pairs.pairs)} pairs of jobs: on the page.")
        return
    console.print()
    table = new_table("McNemar: questions only one does right by", "the first", "the second", "p", "p (Holm)")
    for pair in pairs.pairs.values():
        label = Text(f"{pair.first} / {pair.second}")
        table.add_row(label, f"{pair.b:,}", f"{pair.c:,}", _p(pair), probability(pair.corrected))
    console.print(table)


def _p(pair: Pair) -> str:
    """Return a pair's p, and under it what the unjudged questions could make of it."""
    ends = f"\n{{{', '.join(map(probability, pair.bounds))}}}" if pair.bounds is not None else ""
    return f"{probability(pair.p)}{ends}"


def _show_paper(found: Sequence[paper.Beside], console: Console) -> None:
    """Print ours beside the paper's, what differs from its set-up, and which jobs it prints nothing for."""
    printed = [one for one in found if one.row is not None]
    if found:
        console.print()
    if len(printed) > MAX_JOBS:
        console.print(f"Beside the paper's numbers: {len(printed)} jobs, on the page.")
    elif printed:
        headings = list(dict.fromkeys(one.heading for one in printed))
        of = headings[0] if len(headings) == 1 else f"{printed[0].backbone} on {printed[0].dataset}"
        console.print(Text(f"Beside the paper: {of}", style="bold"))
        console.print(_beside(printed, several=len(found) > 1))
        ratings = all(line.scale == 1 for one in printed for line in one.lines)
        console.print(Text(RATED_BESIDE if ratings else PAPER_CAPTION, style="dim"))
    for line in paper.asides(found):
        console.print(Text(line), overflow="fold")


def _beside(printed: Sequence[paper.Beside], several: bool) -> Table:
    table = new_table(
        *(("job", "") if several else ("",)), "paper", "ours", "95 % interval", "n", "difference", "paper's\ninside"
    )
    for one in printed:
        for at, line in enumerate(one.lines):
            job = [Text("" if at else one.job.job)] if several else []
            told = Text(paper.called(line))
            value, bracket, n = _spelled(line.ours, style="bold")
            printed_value = UNDEFINED if line.paper is None else f"{line.paper:.2f}"
            verdict = UNDEFINED if line.inside is None else "yes" if line.inside else "no"
            table.add_row(*job, told, printed_value, value, bracket, n, paper.points(line), verdict)
    if several:
        table.columns[1].justify = "left"
    return table


def probability(p: float | None) -> str:
    """Return a p value in three decimals, "<0.001" below that, "n/a" when undefined."""
    if p is None:
        return UNDEFINED
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _stacked(score: Score | None) -> str:
    return MISSING if score is None else f"{number(score.value, score.unit)}\n{_lines(interval(score))}".rstrip("\n")


def _ranged(spread: Spread, seeds: int) -> str:
    if spread.mean is None:
        return UNDEFINED
    across = f"\n[{number(spread.low, spread.unit)}, {number(spread.high, spread.unit)}]" if spread.k > 1 else ""
    return f"{number(spread.mean, spread.unit)}{across}" + (f"\n{spread.k} of {seeds} seeds" if spread.k != seeds else "")


def _short(name: str) -> str:
    return title(name).replace("over-conservativeness", "over-cons.").replace(" ", "\n", 1)


def _things(evaluation: Evaluation) -> str:
    return "questions" if evaluation.cells else "prompts"


def _unjudged(evaluation: Evaluation) -> str:
    return f", {evaluation.unjudged:,} more unjudged" if evaluation.unjudged else ", none unjudged"
