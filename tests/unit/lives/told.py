# SPDX-License-Identifier: Apache-2.0
"""What notifications told the program of masks, and what of that it must know when it begins anew."""

from collections.abc import Mapping
from typing import NamedTuple

from tests.unit.lives.ledger import Violation


class Word(NamedTuple):
    """A mask, None for none, and when it was sent."""

    sent: str
    mask: str | None


class Told:
    """The words by guest, in the order in which they came; `stored` are the newest that are stored."""

    def __init__(self) -> None:
        self._words: dict[str, list[Word]] = {}
        self._stored: dict[str, Word] = {}

    @property
    def masks(self) -> dict[str, str | None]:
        """The mask that counts for each guest: the one that was sent last."""
        return {uuid: max(words, key=lambda word: word.sent).mask for uuid, words in self._words.items()}

    def note(self, uuid: str, word: Word) -> None:
        """Note what the program was told. Of two that were sent at once the first counts."""
        self._words.setdefault(uuid, []).append(word)

    def store(self) -> None:
        """Note that the program has stored what it was told."""
        self._stored = {uuid: max(words, key=lambda word: word.sent) for uuid, words in self._words.items()}

    def begin_anew(self, known: Mapping[str, Word]) -> None:
        """Take what a new process finds; raise Violation where less was kept than was stored.

        The same mask again, sent later, need not be stored again.
        """
        for uuid, word in self._stored.items():
            found = known.get(uuid)
            if found is None or (found.sent < word.sent and found.mask != word.mask):
                raise Violation("specs", f"{uuid} was said to have {word}, and the state has {found}")
        self._words = {uuid: [word] for uuid, word in known.items()}
        self._stored = {}
