# SPDX-License-Identifier: Apache-2.0
"""What a made-up host consists of: devices, the lives of their interrupts, and what goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.unit.lives.model import Cpus


class Killed(BaseException):
    """The process ends here, as kill -9 ends it."""


@dataclass
class Ghost:
    """What may be recorded still of an interrupt that died, and of those that had its place before (`earlier`).

    `is_told`: the kernel has told of its end.
    """

    originals: set[Cpus]
    history: set[Cpus]
    refused: bool
    next_cpu: bool
    earlier: "Ghost | None" = None
    is_told: bool = False


@dataclass(eq=False)
class Life:
    """One interrupt from its allocation until it is freed, and what is true of it.

    `mode` is how the kernel keeps it: `` (it may be moved), `0444`, or the errno of every write. The rest is the
    ledger's: `wrote` is the last value that the program wrote in this life, `originals` those that it may give back,
    `inherited` those of earlier lives that no pass saw end. `touched`: another changed it since. `loose`: the program
    may have dropped its record. `returned`: the last write may have given it back. `refused`: the kernel refused a
    write for good. `next_cpu`: any one CPU of the target will do. `ghost` is the one before of which the program may
    know no end yet; `is_late`: a pass saw this one before it heard of that end; `is_kept`: it has what is recorded.
    `past` are the originals of before it was given back.
    """

    number: int
    device: str
    driver: str
    index: int
    smp: Cpus
    mode: str = ""
    wrote: Cpus | None = None
    originals: set[Cpus] = field(default_factory=set)
    inherited: set[Cpus] = field(default_factory=set)
    touched: bool = False
    loose: bool = False
    returned: bool = False
    refused: bool = False
    next_cpu: bool = False
    ghost: Ghost | None = None
    is_late: bool = False
    is_kept: bool = False
    past: set[Cpus] = field(default_factory=set)

    @property
    def may_be_unknown(self) -> bool:
        """Whether the program may have no record of it, so that what it has now would be its original."""
        return self.wrote is None or (self.touched and (self.loose or self.returned))


@dataclass
class Device:
    """A PCI function, with its interrupts by number in the order of their vectors."""

    driver: str = "vfio-pci"
    lives: dict[int, Life] = field(default_factory=dict)


@dataclass
class Faults:
    """What goes wrong in the next pass, and only there."""

    unread: dict[int, int] = field(default_factory=dict)
    refused_open: dict[int, int] = field(default_factory=dict)
    refused_writes: dict[int, list[int]] = field(default_factory=dict)
    folders: dict[str, tuple[str, int]] = field(default_factory=dict)
    kill_at: int = 0
    save_fails_at: int = 0
    kill_at_save: int = 0
    races: list[tuple[str, Callable[[int], None]]] = field(default_factory=list)
    had_races: bool = False
