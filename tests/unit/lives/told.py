# SPDX-License-Identifier: Apache-2.0
"""What notifications told the program of masks, and what of that it must know when it begins anew."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from irqaffinity.passes.strangers import LONGEST
from tests.unit.lives.ledger import Violation


class Word(NamedTuple):
    """A mask, None for none, and when it was sent."""

    sent: str
    mask: str | None


class Told:
    """The words by guest, in the order in which they came; `stored` are the newest that are stored.

    Those of guests that libvirt has never named are the newest of each, and when they came.
    """

    def __init__(self) -> None:
        self._words: dict[str, list[Word]] = {}
        self._stored: dict[str, Word] = {}
        self._strangers: dict[str, tuple[float, Word]] = {}

    def masks(self, now: float) -> dict[str, str | None]:
        """Return the mask that counts for each guest: the one that was sent last."""
        words = {uuid: _newest(words) for uuid, words in self._words.items()}
        words |= {uuid: word for uuid, (at, word) in self._strangers.items() if now - at <= LONGEST}
        return {uuid: word.mask for uuid, word in words.items()}

    def note(self, uuid: str, word: Word, now: float, *, is_named: bool) -> None:
        """Note what the program was told. Of two that were sent at once the first counts."""
        if is_named or uuid in self._words:
            self._words.setdefault(uuid, []).append(word)
        elif uuid not in self._strangers or word.sent > self._strangers[uuid][1].sent:
            self._strangers[uuid] = now, word

    def meet(self, named: Collection[str], now: float) -> None:
        """Note which guests libvirt has named."""
        for uuid in self._strangers.keys() & set(named):
            at, word = self._strangers.pop(uuid)
            if now - at <= LONGEST:
                self._words[uuid] = [word]

    def store(self) -> None:
        """Note that the program has stored what it was told of those."""
        self._stored = {uuid: _newest(words) for uuid, words in self._words.items()}

    def begin_anew(self, known: Mapping[str, Word]) -> None:
        """Take what a new process finds; raise Violation where less was kept than was stored.

        The same mask again, sent later, need not be stored again.
        """
        for uuid, word in self._stored.items():
            found = known.get(uuid)
            if found is None or (found.sent < word.sent and found.mask != word.mask):
                raise Violation("specs", f"{uuid} was said to have {word}, and the state has {found}")
        self._words = {uuid: [word] for uuid, word in known.items()}
        self._stored, self._strangers = {}, {}


def _newest(words: Sequence[Word]) -> Word:
    return max(words, key=lambda word: word.sent)
