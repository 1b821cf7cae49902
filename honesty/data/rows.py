"""JSON Lines, one object a line: reading that says which line is at fault, writing that leaves a whole file or none.

The formats built on top are in `honesty.data.records`.
"""

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from honesty.cache import write_text
from honesty.types import HonestyError, InputError

KINDS = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    type(None): "null",
    int: "a number",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file. Every accessor raises `InputError` naming file, line and field."""

    path: Path
    line: int
    fields: Mapping[str, Any]

    def error(self, message: str) -> InputError:
        """Return (not raise) the error that ``message`` is true of this line."""
        return InputError(f"{self.path}:{self.line}: {message}")

    def value(self, key: str) -> Any:
        """Return a field that must be there."""
        try:
            return self.fields[key]
        except KeyError:
            found = ", ".join(self.fields) if self.fields else "nothing"
            raise self.error(f'the field "{key}" is missing (the line has: {found}); add it') from None

    def wrong_type(self, key: str, wanted: str, found: Any) -> InputError:
        """Return the error that a field is of another type than ``wanted``."""
        return self.error(f'"{key}" must be {wanted}, not {KINDS.get(type(found), type(found).__name__)} ({_short(found)})')

    def text(self, key: str) -> str:
        """Return a string field."""
        found = self.value(key)
        if type(found) is not str:
            raise self.wrong_type(key, "a string", found)
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a field that is a list of strings."""
        found = self.value(key)
        if type(found) is not list:
            hint = (
                f"a list of strings: write [{json.dumps(found, ensure_ascii=False)}]"
                if type(found) is str
                else "a list of strings"
            )
            raise self.wrong_type(key, hint, found)
        for position, item in enumerate(found):
            if type(item) is not str:
                raise self.wrong_type(f"{key}[{position}]", "a string", item)
        return tuple(found)

    def flag(self, key: str) -> bool:
        """Return a field that is true or false."""
        found = self.value(key)
        if type(found) is not bool:
            raise self.wrong_type(key, "true or false", found)
        return found

    def identifier(self, *keys: str) -> str:
        """Return the id under the first of ``keys`` that is there; a whole number counts as its digits."""
        found = self.fields.get(keys[0])
        if type(found) is str and found:  # the usual case, kept quick
            return found
        key = next((key for key in keys if key in self.fields), keys[0])
        found = self.value(key)
        if type(found) is int:
            return str(found)
        if type(found) is not str or not found:
            raise self.wrong_type(key, "a non-empty string or a whole number", found)
        return found


def _short(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)  # a parquet file has dates and bytes too
    return shown if len(shown) <= 60 else shown[:57] + "..."


def read_rows(path: Path | str) -> Iterator[Row]:
    """Yield the objects of a JSON Lines file with their line numbers; blank lines are skipped.

    Raises:
        InputError: no such file, a directory, unreadable, empty, not UTF-8 or with a byte order mark, a line that is not
            one JSON object.
    """
    path = Path(path)
    empty = True
    for number, line in enumerate(decoded(path).split("\n"), start=1):
        if not line or line.isspace():
            continue
        empty = False
        yield Row(path, number, _parse(path, number, line))
    if empty:
        raise InputError(f"{path}: the file is empty; it needs at least one line with a JSON object")


@contextmanager
def opened(path: Path, kinds: str) -> Iterator[BufferedReader]:
    """Open a file the user named, for reading bytes; ``kinds`` are the endings it may have, in words.

    Raises:
        InputError: no such file, a directory, unreadable.
    """
    try:
        with path.open("rb") as handle:
            yield handle
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path (it is relative to {Path.cwd()})") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a directory; give a {kinds} file in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def decoded(path: Path) -> str:
    """Return the text of a UTF-8 file.

    Raises:
        InputError: no such file, a directory, unreadable, not UTF-8 or with a byte order mark.
    """
    with opened(path, ".jsonl") as handle:
        data = handle.read()
    if data.startswith(codecs.BOM_UTF8):
        raise InputError(f"{path}:1: starts with a byte order mark; save the file as plain UTF-8 (without BOM)")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x}); convert the file to UTF-8") from None


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        array = number == 1 and line.lstrip().startswith("[")
        what = (
            "write one JSON object a line (jq -c '.[]' turns an array into that)" if array else "every line is one JSON object"
        )
        raise InputError(f"{path}:{number}: not valid JSON: {error.msg} at column {error.colno}; {what}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits; brackets nested without end
        raise InputError(f"{path}:{number}: not usable JSON: {error}") from None
    if type(found) is not dict:
        kind = KINDS.get(type(found), "something else")
        raise InputError(f"{path}:{number}: must be a JSON object {{...}}, not {kind} ({_short(found)})")
    return found


class Ids:
    """The ids met so far in one file, to refuse a second use."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, found: str, row: Row) -> str:
        """Return ``found``, noted.

        Raises:
            InputError: an earlier line has the same id.
        """
        earlier = self._lines.setdefault(found, row.line)
        if earlier != row.line:
            raise row.error(f"the id {found!r} is already on line {earlier}; ids must be unique: remove or rename one")
        return found


def write_rows(path: Path | str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one object a line; the file appears whole or not at all, and an older one stays until then.

    Raises:
        InputError: ``path`` is a directory.
        HonestyError: the place is full, read-only or missing.
    """
    path = Path(path)
    rows = list(rows)
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    if not _encodable(text):  # half a surrogate pair, as a model cut off in mid-character can leave behind
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
    if path.is_dir():
        raise InputError(f"{path}: is a directory; give the name of the file to write")
    try:
        if path.exists() and not path.is_file():  # /dev/stdout or a pipe: nothing to replace
            path.write_text(text, encoding="utf-8")
        else:
            write_text(path.resolve(), text)
    except OSError as error:
        with suppress(OSError):
            path.resolve().with_name(path.resolve().name + ".tmp").unlink(missing_ok=True)
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        advice = f"make the directory {path.parent} first" if absent else "free some space there"
        advice += " or choose another place; a file that was there before is unchanged"
        raise HonestyError(f"{path}: cannot be written: {error.strerror}; {advice}") from error


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
