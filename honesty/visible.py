"""Texts of others (responses, replies, what a server says) on a terminal: what would steer it is shown, not done."""

import re

# what moves a cursor, sets a title or colours, 8-bit forms included; what reorders a line; halves of characters, which cannot
# be written at all. Line ends and tabs stay
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    r"""Return ``text`` with each such character as ``\u001b``: JSON's own way, so that a JSON document stays the same one."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
