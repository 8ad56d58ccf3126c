# SPDX-License-Identifier: Apache-2.0
"""The last word of a line that the user types in bash: what it means so far, and what completion may put in its place.

Other people choose the names of guests. So each name is quoted: bash reads it as a word, and never runs a part of it.
"""

from typing import NamedTuple

_PLAIN = frozenset("_@%+,./:-")
"""Characters that mean nothing to bash, wherever they stand, beside letters and digits."""

_WITHIN = {"'": "'", '"': '"$`\\!'}
"""The characters that cannot stand unchanged within each kind of quotes."""


class Word(NamedTuple):
    """A word that has not ended yet.

    `value` is the text that bash reads from it, `quote` the quote that is open in it, or nothing. `head` is the first
    part of the value; bash replaces only the rest.
    """

    value: str
    quote: str
    head: str

    def replacement(self, whole: str) -> str | None:
        """Return the text behind `head`, quoted for bash, with which the word means `whole`; None where none does."""
        if not whole.startswith(self.head):
            return None
        rest = whole[len(self.head) :]
        if self.quote:
            return None if any(char in _WITHIN[self.quote] for char in rest) else rest
        return "".join(char if char.isalnum() or char in _PLAIN else f"\\{char}" for char in rest)


def read_line(line: str, breaks: str) -> tuple[list[str], Word | None]:
    """Return the words of a line and the last one, which may be empty; `breaks` are the word breaks of bash.

    The last one is None where a quote was closed in it: it is not clear which part bash would replace then.
    """
    reader = _Reader(breaks)
    for char in line:
        reader.take(char)
    return reader.words, None if reader.has_closed else Word(reader.value, reader.quote, reader.head)


class _Reader:
    """Reads a line character by character, as bash does."""

    def __init__(self, breaks: str) -> None:
        self.words: list[str] = []
        self._breaks = breaks
        self._begin()

    def _begin(self) -> None:
        self.value = self.quote = self.head = ""
        self.has_closed = self._is_escaped = self._has_begun = False

    def take(self, char: str) -> None:
        """Take the next character."""
        if self._is_escaped:
            self._is_escaped = False
            self.value += char if self.quote != '"' or char in '"$`\\' else f"\\{char}"
        elif char == "\\" and self.quote != "'":
            self._is_escaped = self._has_begun = True
        elif self.quote:
            self._take_quoted(char)
        elif char.isspace():
            self._end()
        else:
            self._take_plain(char)

    def _take_quoted(self, char: str) -> None:
        if char == self.quote:
            self.quote, self.has_closed = "", True
        else:
            self.value += char

    def _take_plain(self, char: str) -> None:
        self._has_begun = True
        if char in _WITHIN:
            self.quote, self.head = char, self.value
            return
        self.value += char
        if char in self._breaks:
            self.head = self.value

    def _end(self) -> None:
        if self._has_begun:
            self.words.append(self.value)
        self._begin()
