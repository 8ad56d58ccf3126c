# SPDX-License-Identifier: Apache-2.0
"""A stage on which the program gets births and ends, as the listener to the kernel's trace passes them on."""

from pathlib import Path

from tests.unit.lives.life import Faults
from tests.unit.lives.stage import Stage
from tests.unit.lives.trace import ENDED, OFF


class Hearing(Stage):
    """Has the program hear what the trace has for it, and has each birth judged."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.trace.on_event = self.hear

    def hear(self) -> None:
        """Pass on to the program all births and ends that it can hear now, in their order."""
        while self.trace.is_due:
            event = self.trace.next()
            if event.kind == ENDED:
                self.tell_end(event.life.number)
            else:
                self.tell_birth(event.life.number)

    def tell_end(self, number: int) -> None:
        """Tell the program of an end."""
        self.auditor.note_ends([number])

    def tell_birth(self, number: int) -> None:
        """Tell the program of a birth."""
        self.hear_birth(number)

    def hear_birth(self, number: int) -> None:
        """Pass a birth on to the program, and judge what it does."""
        self.begin([number])
        newborn, is_dead = self.attempt(lambda: self.auditor.birth(number), OSError)
        self.ledger.end()
        self.midwife.check(number, newborn, self.excuse(self.host.faults))
        if newborn is not None and newborn.result is not None and not self.host.is_unsaved:
            self.trace.taken([number])
        self.host.faults.had_races = False
        if is_dead:
            self.host.faults = Faults()
            self.start()

    # How it hears.

    def do_hear(self, how: str) -> None:
        self.trace.switch(how)

    def do_late(self, looks: int) -> None:
        self.host.late = looks

    def do_behind(self) -> None:
        self.trace.is_behind = self.trace.how != OFF

    def do_caught_up(self) -> None:
        self.trace.is_behind = False

    def do_lose(self, count: int) -> None:
        self.trace.losing = count

    def do_activate(self, number: int) -> None:
        if number in self.host.lives:
            self.trace.note_again(self.host.lives[number])
