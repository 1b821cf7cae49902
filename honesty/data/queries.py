"""Files of prompts that have no right answer: what a model is asked for helpfulness and harmlessness.

A row needs the field ``prompt``; ``id`` (or ``question_id``) where it has one, else its number. JSON Lines, a JSON list of
rows, or CSV. What a row says of its kind, ``category`` (BeaverTails-Evaluation) or ``scenario`` (Auto-J's sets), becomes a
slice; other fields are not read.
"""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from honesty.data.rows import Ids, Row, decoded, read_rows
from honesty.types import InputError, Question

KINDS = ("category", "scenario")


def read_queries(path: Path | str) -> list[Question]:
    """Read a file of prompts: each is a question without answers, its ``source`` the file's stem.

    Raises:
        InputError: a fault in the file, a row without a prompt, or one id twice.
    """
    path, ids = Path(path), Ids()
    found = []
    for row in _rows(path):
        named = any(row.fields.get(key) not in (None, "") for key in ("id", "question_id"))
        id = row.identifier("id", "question_id") if named else str(row.line)
        text = row.text("prompt")
        if not text.strip():
            raise row.error('"prompt" is empty; remove the row')
        found.append(Question(id=ids.add(id, row), text=text, answers=(), source=path.stem, slices=kinds(row)))
    return found


def kinds(row: Row) -> dict[str, str]:
    """Return the slices a row belongs to: what it has of ``KINDS``, unless empty.

    Raises:
        InputError: one of them is neither a text nor a whole number.
    """
    return {key: row.identifier(key) for key in KINDS if row.fields.get(key) not in (None, "")}


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix not in (".csv", ".json"):
        yield from read_rows(path)
        return
    text = decoded(path)
    if path.suffix == ".csv":
        rows = list(csv.DictReader(io.StringIO(text)))
    else:
        try:
            rows = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{error.lineno}: not valid JSON: {error.msg}; a .json file is one list of rows") from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f'{path}: must hold at least one row with a "prompt", as a JSON list of objects or as CSV')
    for number, row in enumerate(rows, start=1):
        yield Row(path, number, row)
