"""Questions no model of an earlier date can know (PUQA): who wrote a paper that is newer than a cut-off date.

Reading the bibliography is a stage: another draw of it, or a bigger one, reads nothing again.

Source: Alignment for Honesty, PUQA (prior unknown questions).
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from honesty.cache import Artifact, Cache, digest, write_text
from honesty.code import code_digest
from honesty.data.bibliography import Paper, read_papers
from honesty.data.drawing import shuffled
from honesty.data.rows import opened
from honesty.data.titles import Rules, fault
from honesty.matching import normalise
from honesty.progress import track
from honesty.types import Label

VERSION = 1

STEPS = ("no_title", "no_authors", "no_date", "not_newer", "date_too_coarse", "short_or_generic", "repeated", "older_twin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The questions, as rows in the authors' format; ``counts`` says how many entries went by which rule."""

    rows: Sequence[Mapping[str, Any]]
    counts: Mapping[str, int]
    newest: str | None

    def draw(self, count: int, seed: int) -> list[Mapping[str, Any]]:
        """Return ``count`` rows (fewer where there are no more)."""
        return [self.rows[index] for index in shuffled([row["title"] for row in self.rows], seed)[:count]]


def unknown(cache: Cache, bibliography: Path, rules: Rules) -> Unknown:
    """Return the questions about the papers of a bibliography that are newer than the cut-off.

    Raises:
        InputError: a file that cannot be read, or a malformed entry in it.
    """
    read = cache.stage(
        "puqa",
        VERSION,
        identity={"rules": rules, "kind": bibliography.suffix.lower(), "code": code_digest(rules)},
        upstream={"bibliography": _content(bibliography)},
        work=lambda scratch: _read(bibliography, rules, scratch),
        what=f"titles of {bibliography.name}",
        shown=False,
    )
    counts = dict(read.record["counts"])
    newest = counts.pop("newest")
    return Unknown(rows=_rows(read), counts=counts, newest=newest)


def _content(path: Path) -> str:
    with opened(path, ".bib, .jsonl or .csv") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _read(bibliography: Path, rules: Rules, scratch: Path) -> dict[str, Any]:
    counts = Counter(dict.fromkeys(("entries", *STEPS), 0))
    newer: dict[str, Paper] = {}
    older: set[bytes] = set()  # hashes: a listing holds millions of titles
    newest: date | None = None
    with track(f"  {bibliography.name}", bibliography.stat().st_size, unit="bytes") as advance:
        for paper in read_papers(bibliography, advance):
            counts["entries"] += 1
            title = normalise(paper.title)
            out = fault(paper, title, rules)
            counts[out if out is not None else "repeated" if title in newer else "newer"] += 1
            if out is None:
                newer.setdefault(title, paper)
            elif out in ("not_newer", "date_too_coarse"):
                older.add(_short(title))
            if paper.period is not None:
                newest = max(newest, paper.period.last) if newest is not None else paper.period.last
    kept = [paper for title, paper in newer.items() if _short(title) not in older]
    counts["older_twin"] = counts.pop("newer", 0) - len(kept)
    lines = ({"title": one.title, "authors": one.authors, "year": str(one.period.first.year)} for one in kept if one.period)
    write_text(scratch / "papers.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return {**counts, "kept": len(kept), "newest": newest.isoformat() if newest is not None else None}


def _short(title: str) -> bytes:
    return hashlib.blake2b(title.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _rows(read: Artifact) -> list[dict[str, Any]]:
    """Return rows with the authors' fields, and those (id, declared) that make it a questions file of ours too."""
    with (read.path / "papers.jsonl").open(encoding="utf-8", errors="surrogatepass") as lines:
        papers = [json.loads(line) for line in lines]
    return [
        {
            "id": f"puqa-{digest(paper['title'])[:12]}",
            "title": paper["title"],
            "year": paper["year"],
            "authors": paper["authors"],
            "question": f'Who wrote the paper "{paper["title"]}"?',
            "label": "unknown",
            "declared": Label.WRONG,
        }
        for paper in papers
    ]
