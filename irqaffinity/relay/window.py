# SPDX-License-Identifier: Apache-2.0
"""Which messages wait for which confirms. Pure.

An original is done when the broker has confirmed each of its copies. The relay acknowledges originals in the order in
which they came: so one acknowledgement covers many, and none covers a message that a crash could still lose.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class Original:
    """A message that came. `missing` counts what it still waits for: its routing, or a confirm for each copy."""

    delivery_tag: int
    size: int = 0
    missing: int = 1
    is_refused: bool = False


@dataclass(slots=True)
class Copy:
    """A copy of an original for one host."""

    original: Original
    host: str
    body: bytes
    tries: int = 0


class Window:
    """The originals that are not acknowledged, and the copies that are not confirmed."""

    def __init__(self) -> None:
        self.held = 0
        """Bytes of the bodies of all originals that are not acknowledged."""
        self._originals: deque[Original] = deque()
        self._copies: dict[int, Copy] = {}
        self._number = self._done = 0

    @property
    def unconfirmed(self) -> int:
        """How many copies are under way."""
        return len(self._copies)

    def take(self, original: Original) -> None:
        """Note a message that has just come."""
        self._originals.append(original)
        self.held += original.size

    def publish(self, copy: Copy) -> None:
        """Note a copy that is published next; the broker counts them from 1 on."""
        self._number += 1
        copy.tries += 1
        self._copies[self._number] = copy

    def settle(self, number: int, multiple: bool) -> list[Copy]:
        """Remove and return the copies of a confirm: the one with this number, or with `multiple` all up to it."""
        if not multiple:
            copy = self._copies.pop(number, None)
            return [] if copy is None else [copy]
        numbers = [each for each in self._copies if each <= number]
        return [self._copies.pop(each) for each in numbers]

    def done(self) -> int:
        """Forget the first originals that are done; return the tag of the last one forgotten, 0 before the first."""
        while self._originals and self._originals[0].missing == 0:
            original = self._originals.popleft()
            self.held -= original.size
            self._done = original.delivery_tag
        return self._done
