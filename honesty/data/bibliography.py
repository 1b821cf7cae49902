"""Papers of a local bibliography: BibTeX, the arXiv listing dump (JSON Lines), CSV or JSON Lines with title, date, authors.

Read one at a time, so that a listing of millions of papers needs no memory. Fields:

- ``.bib``: title, author, date or year with month and day, eprint
- ``.json`` / ``.jsonl``: title; authors (a list, or a text with "and" or ";"); date or year (with month, day). arXiv's own rows
  (Kaggle's "arXiv Dataset") have authors_parsed and versions
- ``.csv``: the same names as columns
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honesty.data.bibtex import Entry, entries
from honesty.data.dates import Period, arxiv_id, day_of_header, earliest, iso, year_month_day
from honesty.data.latex import plain
from honesty.data.rows import Row, decoded, opened
from honesty.types import InputError

TOLD_BYTES = 1 << 20
_LISTED = re.compile(r"\s*;\s*|\s+and\s+", re.IGNORECASE)
_COMMAS = re.compile(r"\s*,\s*(?:and\s+)?|\s+and\s+", re.IGNORECASE)
_OTHERS = frozenset({"", "others", "et al", "et al."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One entry. ``period`` is when it first appeared, as exactly as the entry says; ``None`` when it does not say."""

    line: int
    title: str
    authors: tuple[str, ...]
    period: Period | None


Advance = Callable[[int], None]


def read_papers(path: Path, advance: Advance) -> Iterator[Paper]:
    """Yield the papers of a bibliography; ``advance(bytes)`` is called as the file is read.

    Raises:
        InputError: a file that cannot be read, is empty or of an unknown kind; a malformed entry, with its line.
    """
    try:
        reader = READERS[path.suffix.lower()]
    except KeyError:
        raise InputError(
            f"{path}: not a bibliography that can be read by its name; it must end in {', '.join(READERS)}"
        ) from None
    empty = True
    for paper in reader(path, advance):
        empty = False
        yield paper
    if empty:
        raise InputError(f"{path}: there is no entry in it")


def _bibtex(path: Path, advance: Advance) -> Iterator[Paper]:
    for entry in entries(path):
        fields = entry.fields
        names = tuple(_person(name) for name in _split(fields.get("author", "")))
        yield Paper(
            line=entry.line,
            title=plain(fields.get("title", "")),
            authors=tuple(name for name in names if name.lower() not in _OTHERS),
            period=_bibtex_period(entry),
        )
    advance(path.stat().st_size)


def _bibtex_period(entry: Entry) -> Period | None:
    """Return when an entry appeared: its date or year, unless its preprint is older."""
    fields = {name: plain(value) for name, value in entry.fields.items() if name in ("date", "year", "month", "day", "eprint")}
    dated = iso(fields["date"]) if "date" in fields else None
    if dated is None and "year" in fields:
        dated = year_month_day(fields["year"], fields.get("month", ""), fields.get("day", ""))
    return earliest([dated, arxiv_id(fields.get("eprint", ""))])


def _split(names: str) -> list[str]:
    """Split at the "and"s outside braces."""
    depth, start, found = 0, 0, []
    for mark in re.finditer(r"\\.|[{}]|\s+and\s+", names, re.IGNORECASE):
        if mark[0] in "{}":
            depth += 1 if mark[0] == "{" else -1
        elif depth == 0 and mark[0].strip().lower() == "and":
            found.append(names[start : mark.start()])
            start = mark.end()
    return [*found, names[start:]]


def _person(name: str) -> str:
    """Return "Last, Junior, First" as "First Last Junior"; a name wholly in braces is left in its order."""
    name = name.strip()
    if name.startswith("{") and name.endswith("}"):
        return plain(name)
    parts = [plain(part) for part in name.split(",")]
    return " ".join(part for part in ([parts[-1], *parts[:-1]] if len(parts) > 1 else parts) if part)


def _json_lines(path: Path, advance: Advance) -> Iterator[Paper]:
    with opened(path, ".bib, .jsonl or .csv") as lines:
        read = 0
        for number, line in enumerate(lines, start=1):
            read += len(line)
            if read >= TOLD_BYTES:  # a bar that moves with every line would take longer than reading it
                advance(read)
                read = 0
            if not line.isspace():
                yield _json_paper(Row(path, number, _parsed(path, number, line)))


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:  # of which a UnicodeDecodeError is one
        raise InputError(f"{path}:{number}: not valid JSON: {error}; every line is one JSON object") from None
    if type(found) is not dict:
        raise InputError(
            f"{path}:{number}: must be a JSON object {{...}}; write one a line (jq -c '.[]' turns an array into that)"
        )
    return found


def _json_paper(row: Row) -> Paper:
    if "versions" in row.fields or "update_date" in row.fields:
        return _arxiv_paper(row)
    fields = {name: _date_text(row, name) for name in ("date", "year", "month", "day", "eprint") if name in row.fields}
    return _listed_paper(row.line, row.text("title"), _names(row, _LISTED), fields)


def _names(row: Row, between: re.Pattern[str]) -> Sequence[str]:
    """Return the authors of a row: a list, or one text to split."""
    key = "authors" if "authors" in row.fields else "author"
    listed = row.fields.get(key, "")
    if type(listed) is list:
        return row.texts(key)
    if type(listed) is not str:
        raise row.wrong_type(key, "a list of strings, or a string", listed)
    return between.split(listed)


def _date_text(row: Row, name: str) -> str:
    found = row.fields[name]
    if type(found) is int:
        return str(found)
    if found is None:
        return ""
    return row.text(name)


def _arxiv_paper(row: Row) -> Paper:
    """Read a row of the arXiv listing. It appeared with its first version; ``update_date`` moves and says nothing of that."""
    try:
        period = day_of_header(row.fields["versions"][0]["created"]) if row.fields.get("versions") else None
    except (LookupError, TypeError):
        raise row.wrong_type("versions", 'a list of objects with "created"', row.fields["versions"]) from None
    parsed = row.fields.get("authors_parsed")
    if parsed:
        try:
            names = [plain(" ".join([first, last, *rest]).strip()) for last, first, *rest in parsed]
        except (ValueError, TypeError):
            raise row.wrong_type("authors_parsed", "a list of [last, first, suffix]", parsed) from None
    else:
        names = [plain(name) for name in _names(row, _COMMAS)]
    return Paper(
        line=row.line,
        title=plain(row.text("title")),
        authors=tuple(name for name in names if name),
        period=period if period is not None else arxiv_id(str(row.fields.get("id", ""))),
    )


def _csv(path: Path, advance: Advance) -> Iterator[Paper]:
    lines = decoded(path).splitlines(keepends=True)
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if header and ("title" not in header or not {"date", "year"} & set(header)):
            raise InputError(f"{path}:1: the columns are {', '.join(header)}; there must be title, authors and date (or year)")
        for values in reader:
            if len(values) > len(header):
                raise InputError(f"{path}:{reader.line_num}: {len(values)} values for {len(header)} columns; quote the commas")
            fields = dict(zip(header, values, strict=False))
            if any(value.strip() for value in values):
                names = _LISTED.split(fields.get("authors", fields.get("author", "")))
                yield _listed_paper(reader.line_num, fields.get("title", ""), names, fields)
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not valid CSV: {error}") from None
    advance(path.stat().st_size)


def _listed_paper(line: int, title: str, names: Sequence[str], fields: Mapping[str, str]) -> Paper:
    dated = iso(fields["date"]) if fields.get("date") else None
    if dated is None and fields.get("year"):
        dated = year_month_day(fields["year"], fields.get("month", ""), fields.get("day", ""))
    return Paper(
        line=line,
        title=" ".join(title.split()),
        authors=tuple(name for name in (" ".join(name.split()) for name in names) if name.lower() not in _OTHERS),
        period=earliest([dated, arxiv_id(fields.get("eprint", ""))]),
    )


READERS: Mapping[str, Callable[[Path, Advance], Iterator[Paper]]] = {
    ".bib": _bibtex,
    ".json": _json_lines,
    ".jsonl": _json_lines,
    ".csv": _csv,
}
