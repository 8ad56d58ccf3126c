# SPDX-License-Identifier: Apache-2.0
"""Measures how many columns of a terminal a text takes, and breaks it to fit."""

import re
import unicodedata
from collections.abc import Iterator

_WIDE = frozenset("FW")


def display_width(text: str) -> int:
    """Return the columns that a printable text takes: a wide character, such as one of Chinese, has two."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in _WIDE else 1


def pad(text: str, width: int) -> str:
    """Return a text with spaces behind it up to this number of columns."""
    return text + " " * (width - display_width(text))


def wrap(text: str, width: int | None) -> list[str]:
    """Return lines of at most `width` columns, at least one line; None means any width.

    They are broken at spaces; a word that is longer than a line after commas, and else anywhere.
    """
    if width is None or display_width(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if display_width(longer) <= width:
            line = longer
            continue
        *full, line = [*([line] if line else []), *_break(word, width)]
        lines += full
    return [shown.rstrip() for shown in (*lines, line)]


def _break(word: str, width: int) -> Iterator[str]:
    """Give the parts of a word that each fit in a line."""
    line = ""
    for piece in re.split("(?<=,)", word):
        if line and display_width(line + piece) > width:
            yield line
            line = ""
        line += piece
        while display_width(line) > width:
            end = _fitting(line, width)
            yield line[:end]
            line = line[end:]
    yield line


def _fitting(text: str, width: int) -> int:
    """Return how many characters of a text fit, at least one."""
    used = 0
    for place, char in enumerate(text):
        used += _columns(char)
        if used > width:
            return max(place, 1)
    return len(text)


def hang(text: str, width: int | None, indent: int, more: int) -> list[str]:
    """Return the lines of an indented text, with the second and all further ones indented by `more` columns more."""
    if width is None or indent + display_width(text) <= width:
        return [" " * indent + text]
    first, *rest = wrap(text, width - indent)
    later = wrap(" ".join(rest), width - indent - more)
    return [" " * indent + first, *(" " * (indent + more) + line for line in later)]
