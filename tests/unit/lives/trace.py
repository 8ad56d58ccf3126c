# SPDX-License-Identifier: Apache-2.0
"""The kernel's news of births and ends on their way to the program: at once, late, or never."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.unit.lives.host import LivingHost
from tests.unit.lives.ledger import DEFAULT, Ledger
from tests.unit.lives.life import Life
from tests.unit.lives.model import Cpus

BORN, ENDED = "born", "ended"

OFF, EACH, TOGETHER = "off", "each", "together"
"""How the program hears the trace: not at all, each event when it happens, or all of a step when it is over."""


class Event(NamedTuple):
    """A line of the trace: `born` or `ended`, and the life that it is about."""

    kind: str
    life: Life


class Trace:
    """Keeps the events that wait to be heard, and notes in the ledger which earlier lives the program may still know.

    `is_behind`: the listener does not come to read for a while. `losing`: so many events that come are dropped.
    """

    def __init__(self, host: LivingHost, ledger: Ledger) -> None:
        self.how = OFF
        self.is_behind = False
        self.losing = 0
        self.on_event: Callable[[], None] = lambda: None
        """Called where each event is heard when it happens."""
        self.recorded: Callable[[Life], Cpus | None] = lambda life: None
        """Returns what the program has recorded to have written to an interrupt of this device and number."""
        self._host = host
        self._ledger = ledger
        self._pending: deque[Event] = deque()
        self._untaken: set[int] = set()
        self._has_lost = False
        host.on_death, host.on_birth = self.note_death, self.note_birth

    @property
    def is_due(self) -> bool:
        """Whether an event waits that can be heard now: the listener waits for a pass that runs."""
        return bool(self._pending) and not self.is_behind and not self._ledger.is_in_pass

    def reads_a_loss(self) -> bool:
        """Tell whether the listener has read since this was asked last that events were lost: a full pass follows."""
        has_read = self._has_lost and not self.is_behind
        self._has_lost = self._has_lost and not has_read
        return has_read

    def note_death(self, life: Life) -> None:
        """Note an end."""
        self._ledger.note_death(life)
        if self._is_told(ENDED, life):
            self._ledger.tell_ghosts(life.number)
        self._be_heard()

    def note_birth(self, life: Life) -> None:
        """Note a birth: if the program does not hear the end of the life before, it may take this one for that."""
        self._ledger.note_birth(life)
        is_told = self._is_told(BORN, life)
        if life.ghost is not None and not life.ghost.is_told:
            self._ledger.forgive(life)
        if self._ledger.is_in_pass and is_told and life.number in self._ends_pending():
            self._be_late(life)
        self._be_heard()

    def note_again(self, life: Life) -> None:
        """Note that the vector of an interrupt is in use again, which the kernel tells as it tells of a birth."""
        self._is_told(BORN, life)

    def switch(self, how: str) -> None:
        """Hear in another way from now on; what waits while it is switched off is never heard."""
        self.how, self.is_behind = how, self.is_behind and how != OFF
        if how == OFF:
            self._forget(self._ends_pending())

    def next(self) -> Event:
        """Return the next event that is heard."""
        event = self._pending.popleft()
        if event.kind == ENDED:
            self._note_heard(event.life)
        return event

    def begin(self, numbers: Iterable[int]) -> None:
        """Note that a pass looks at interrupts: of some it may not have heard yet that they are new.

        Of others it has heard that, and now drops what it has recorded of the lives before.
        """
        lives, numbers = self._host.lives, set(numbers)
        for number in self._untaken & numbers & lives.keys():
            self._meet(lives[number])
        for number in self._ends_pending() & numbers & lives.keys():
            self._be_late(lives[number])

    def taken(self, numbers: Iterable[int] | None = None) -> None:
        """Note that the program has stored what it heard so far, of these or all: nothing of earlier lives is left."""
        lives, pending = self._host.lives, self._ends_pending()
        stored = (self._untaken - pending).intersection(self._untaken if numbers is None else numbers)
        for number in stored:
            self._ledger.bury(number)
            if number in lives:
                lives[number].ghost = None
                if lives[number].is_late and not lives[number].is_kept:
                    lives[number].inherited = {DEFAULT}
        self._untaken -= stored

    def restart(self) -> None:
        """Note that the program begins anew: what waited to be heard, or was heard and not stored, is lost."""
        self._forget(self._ends_pending() | self._untaken)

    def _be_heard(self) -> None:
        if self.how == EACH:
            self.on_event()

    def _is_told(self, kind: str, life: Life) -> bool:
        if self.how == OFF:
            return False
        if self.losing:
            self.losing, self._has_lost = self.losing - 1, True
            return False
        self._pending.append(Event(kind, life))
        return True

    def _ends_pending(self) -> set[int]:
        return {event.life.number for event in self._pending if event.kind == ENDED}

    def _be_late(self, life: Life) -> None:
        """Note that a pass saw a new life before the end of the one before it was heard."""
        life.is_late = True
        self._ledger.forgive(life)

    def _note_heard(self, ended: Life) -> None:
        self._untaken.add(ended.number)
        life = self._host.lives.get(ended.number)
        if life is not None and life is not ended and life.wrote is not None:
            life.is_late = True

    def _meet(self, life: Life) -> None:
        """Note that a pass drops the record of a number, or keeps it: an interrupt that has what was written stays.

        It was moved before that end was heard, or was born with this very value: nothing tells the two apart.
        """
        life.is_kept = self.recorded(life) == life.smp
        if life.is_kept:
            self._ledger.forgive(life)
        elif life.wrote is not None:
            life.loose = True
            life.originals.add(life.smp)
            life.inherited.add(DEFAULT)

    def _forget(self, ends: set[int]) -> None:
        self._pending.clear()
        self._untaken -= ends
        for number in ends:
            self._ledger.tell_ghosts(number, is_told=False)
            life = self._host.lives.get(number)
            if life is not None:
                self._ledger.forgive(life)
