"""What may be printed of a text that somebody else wrote."""

import json

import pytest

from honesty.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\u001b[31mred\u001b[0m"),
        ("\x1b]8;;http://x\x07link", r"\u001b]8;;http://x\u0007link"),
        ("\x9b2J\x7f\x00\r", r"\u009b2J\u007f\u0000\u000d"),
        ("abc\u202e\u2066def\u2028", r"abc\u202e\u2066def\u2028"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_what_steers_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    ["", "one\n\ttwo", "Zürich, 東京, القاهرة", "👩\u200d🚀 \u0646\u0645\u06cc\u200c\u062f\u0627\u0646\u0645", "a\u00a0b"],
)
def test_what_is_text_stays(text: str) -> None:
    assert visible(text) == text


def test_a_json_document_stays_the_same() -> None:
    value = {"a\x7f": "\x1b\x9b\u202e\ud800 \\u001b \n"}
    shown = visible(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert shown.isascii()
