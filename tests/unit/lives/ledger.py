# SPDX-License-Identifier: Apache-2.0
"""Looks at every write at the moment when it is made, and knows what each interrupt had before the program came."""

from dataclasses import dataclass, field

from tests.unit.lives.host import ALL, LivingHost
from tests.unit.lives.libvirt import ScriptedLibvirt
from tests.unit.lives.life import Ghost, Life
from tests.unit.lives.model import Cpus, show

UNSEEN_REBIRTH_IS_FORGIVEN = True
"""Whether an interrupt may be treated as the earlier one of its device, number and driver when no pass saw that end.

Nothing that a pass can read tells the two apart; it takes what the kernel says of births and deaths. Where that is
heard (trace.py), nothing is forgiven.
"""

DEFAULT = ALL
"""What /proc/irq/default_smp_affinity holds: it counts as the original of an interrupt that was found in place."""


class Violation(Exception):
    """A rule of the design is broken; `rule` is its short name."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


@dataclass(frozen=True)
class Written:
    """One write of the pass: whether the value is one that this interrupt may be given back."""

    life: Life
    cpus: Cpus
    gives_back: bool


@dataclass
class Ledger:
    """Keeps the accounts of all interrupts of a host: call `begin` before a pass, and read `written` after it."""

    host: LivingHost
    libvirt: ScriptedLibvirt
    written: list[Written] = field(default_factory=list)
    born: set[Life] = field(default_factory=set)
    before: dict[Life, Cpus] = field(default_factory=dict)
    touched: set[Life] = field(default_factory=set)
    found: Violation | None = None
    ghosts: dict[tuple[str, int, str], Ghost] = field(default_factory=dict)
    fresh: set[tuple[str, int, str]] = field(default_factory=set)
    history: dict[Life, set[Cpus]] = field(default_factory=dict)
    is_in_pass: bool = False

    def __post_init__(self) -> None:
        self.host.on_attempt, self.host.on_write = self.note_attempt, self.note_write

    def begin(self) -> None:
        """Begin a pass."""
        self.written, self.born, self.fresh = [], set(), set()
        self.before = {life: life.smp for life in self.host.lives.values()}
        self.touched = {life for life in self.before if life.touched}
        self.is_in_pass = True

    def end(self) -> None:
        """End it, and raise the first Violation that was seen on the way."""
        self.is_in_pass = False
        if self.found is not None:
            raise self.found

    def note_attempt(self, life: Life, cpus: Cpus) -> None:
        """Judge a write that the kernel may refuse still."""
        if not cpus:
            self._blame("empty", f"no CPU at all to {life.number} of {life.device}")

    def note_write(self, life: Life, cpus: Cpus) -> None:
        """Judge a write that the kernel takes."""
        acceptable = life.originals | life.inherited
        is_named = bool(self.libvirt.names(life.device))
        where = f"{show(cpus)} to {life.number} of {life.device} ({life.driver}), which had {show(life.smp)}"
        if not is_named and cpus not in acceptable:
            self._blame("foreign", f"{where}; it is no guest's, and has nothing to be given back: {self._say(life)}")
        elif not is_named and life.touched and len(life.smp) > 1 and life.smp not in self.history.get(life, ()):
            self._blame("overwritten", f"{where}; another program put it there")
        self.written.append(Written(life, cpus, cpus in acceptable))
        if life.may_be_unknown:
            life.originals.add(life.smp)
        self.history.setdefault(life, set()).add(cpus)
        life.wrote, life.touched, life.loose, life.returned = cpus, False, False, cpus in acceptable

    def note_found(self, life: Life) -> None:
        """Count an interrupt that was found in place as one that was put there."""
        self.history.setdefault(life, set()).add(life.smp)
        life.wrote, life.touched, life.loose, life.returned = life.smp, False, False, False

    def note_death(self, life: Life) -> None:
        """Remember what may be recorded of it still."""
        if self.is_in_pass and life.may_be_unknown and self.libvirt.names(life.device):
            life.originals |= {self.before.get(life, life.smp), DEFAULT}
        history = self.history.pop(life, set())
        originals = life.originals | life.inherited
        is_refused = life.refused or life.mode != ""
        if originals or is_refused:
            key = life.device, life.number, life.driver
            self.ghosts[key] = Ghost(originals, history, is_refused, life.next_cpu, life.ghost)
            self.fresh.add(key)

    def note_birth(self, life: Life) -> None:
        """Note who had its place."""
        if self.is_in_pass:
            self.born.add(life)
        life.ghost = self.ghosts.get((life.device, life.number, life.driver))

    def forgive(self, life: Life) -> None:
        """Let it inherit from those that had its place: nobody told that their lives had ended."""
        ghost, life.ghost = life.ghost, None
        while ghost is not None and UNSEEN_REBIRTH_IS_FORGIVEN:
            life.inherited |= ghost.originals
            life.refused, life.next_cpu = life.refused or ghost.refused, life.next_cpu or ghost.next_cpu
            self.history.setdefault(life, set()).update(ghost.history)
            ghost = ghost.earlier

    def tell_ghosts(self, number: int, *, is_told: bool = True) -> None:
        """Note that the kernel tells of the ends of all that had this number, or that nobody hears it."""
        for key, ghost in self.ghosts.items():
            if key[1] == number:
                ghost.is_told = is_told

    def bury(self, number: int) -> None:
        """Forget the dead of a number: the program has heard of all their ends."""
        self.ghosts = {key: ghost for key, ghost in self.ghosts.items() if key[1] != number}

    def lay_ghosts(self, excused: set[str]) -> None:
        """Forget the dead that a whole pass saw to be gone; of devices in `excused` it saw nothing."""
        self.ghosts = {key: ghost for key, ghost in self.ghosts.items() if key in self.fresh or key[0] in excused}

    def clear(self, life: Life) -> None:
        """Forget all that was done to an interrupt: it was given back, or is another's."""
        life.wrote, life.touched, life.loose, life.returned, life.next_cpu = None, False, False, False, False
        life.past |= life.originals | life.inherited
        life.originals, life.inherited = set(), set()
        self.history.pop(life, None)

    def lose_notes(self) -> None:
        """Note that the program has lost what it noted since some moment: what it wrote may be unknown to it."""
        for life in self.host.lives.values():
            life.originals |= {*life.past, life.smp, DEFAULT}
            life.loose = True

    def writes_to(self, life: Life) -> list[Written]:
        """Return the writes of the pass to one interrupt."""
        return [write for write in self.written if write.life is life]

    def _blame(self, rule: str, text: str) -> None:
        if self.found is None:
            self.found = Violation(rule, text)

    @staticmethod
    def _say(life: Life) -> str:
        values = sorted(map(show, life.originals | life.inherited))
        return f"we wrote {show(life.wrote) if life.wrote is not None else 'nothing'}, its originals are {values}"
