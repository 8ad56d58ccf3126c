# SPDX-License-Identifier: Apache-2.0
"""Counts the interrupts that arrive, by the difference of the kernel's counts at two moments."""

import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from types import MappingProxyType

from irqaffinity.model.arrivals import Arrived, Interval, KernelOwn, count_arrivals
from irqaffinity.model.text import clean
from irqaffinity.observe.counts import Files, Table
from irqaffinity.observe.root import HostRoot, HostUnreadable

ROWS_A_FILE = 4
"""How many rows of /proc/interrupts cost as much as one per_cpu_count, about: benchmarks/counts.py measures it."""

_NONE: Arrived = MappingProxyType({})


class ArrivalCounter:
    """Remembers the counts of its last reading. For one thread."""

    def __init__(self, root: HostRoot, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._clock = clock
        self._time = 0.0
        self._counts: Table | Files | None = None
        self._lives: Mapping[int, Hashable] = {}
        self._is_cut = False

    @property
    def numbers(self) -> Collection[int]:
        """The interrupts whose counts were read last."""
        return () if self._counts is None else self._counts.rows.keys()

    def forget(self) -> None:
        """Have the next call begin anew."""
        self._counts = None

    def read(
        self, lives: Mapping[int, Hashable] | None = None, rows: int | None = None, *, with_names: bool = True
    ) -> Interval:
        """Return what has arrived since the last call; the first one only remembers. Raises HostUnreadable.

        Only the interrupts in `lives` are counted, or all without it. An interrupt whose value there is not that of the
        last call counts as another interrupt, which begins anew; so does one that has other handlers now, or whose
        counts fell. `rows` is how many interrupts the host has, about; they are counted where it is not known.
        """
        now, counts = self._clock(), self._read(lives, rows)
        before, lives_before, seconds = self._counts, self._lives, now - self._time
        self._time, self._counts, self._lives = now, counts, lives or {}
        if before is None or type(before) is not type(counts):
            return Interval()
        arrived: dict[int, Arrived] = {}
        for number, row in counts.rows.items():
            if number not in before.rows or lives_before.get(number) != self._lives.get(number):
                continue
            if row == before.rows[number] and counts.cpus == before.cpus:
                arrived[number] = _NONE
            elif (found := _compare(before, before.split(number), counts, counts.split(number), seconds)) is not None:
                arrived[number] = found
        names = {number: counts.name(number) for number, found in arrived.items() if found and with_names}
        return Interval(seconds, arrived, names, dict(_kernel_own(before, counts, seconds)))

    def _read(self, lives: Mapping[int, Hashable] | None, rows: int | None) -> Table | Files:
        """Read the cheaper of the two sources, or the other one where it is not there; raise HostUnreadable."""
        wanted = None if lives is None else lives.keys()
        sources: list[type[Table | Files]] = [Table, Files]
        if wanted is not None and not self._is_cut and len(wanted) * ROWS_A_FILE < self._rows_to_read(rows):
            sources.reverse()
        trouble: OSError | None = None
        for source in sources:
            try:
                counts = source.read(self._root, wanted)
            except OSError as error:
                trouble = trouble or error
                continue
            self._is_cut = self._is_cut or (isinstance(counts, Files) and counts.is_cut)
            return counts
        why = "" if trouble is None else f" ({trouble.strerror})"
        raise HostUnreadable(
            f"{self._root.proc}/interrupts cannot be read{why}: point --proc or [host] proc at the procfs of the host"
        )

    def _rows_to_read(self, rows: int | None) -> float:
        """Return about how many rows /proc/interrupts has: each takes time, even one that nobody wants.

        A change of the source loses an interval, so the other source has to be cheaper by far.
        """
        try:
            rows = len(self._root.calls.listdir(f"{self._root.proc}/irq")) if rows is None else rows
        except OSError:
            return 0.0
        return rows if self._counts is None else rows * 2.0 if isinstance(self._counts, Files) else rows / 2.0


_Split = tuple[list[bytes], bytes] | None
"""The counts of an interrupt, and the rest of its row; None where they cannot be told apart."""


def _compare(before: Table | Files, old: _Split, after: Table | Files, new: _Split, seconds: float) -> Arrived | None:
    """Return what arrived of an interrupt on the CPUs that both readings have, None where it was born anew."""
    if old is None or new is None or old[1] != new[1]:
        return None
    if before.cpus == after.cpus:
        return count_arrivals(after.cpus, old[0], new[0], seconds)
    counts = dict(zip(before.cpus, old[0], strict=True))
    pairs = [(cpu, count) for cpu, count in zip(after.cpus, new[0], strict=True) if cpu in counts]
    cpus = [cpu for cpu, _ in pairs]
    return count_arrivals(cpus, [counts[cpu] for cpu in cpus], [count for _, count in pairs], seconds)


def _kernel_own(before: Table | Files, after: Table | Files, seconds: float) -> Iterator[tuple[str, KernelOwn]]:
    """Give what arrived of the interrupts without a number, by their word; only /proc/interrupts has these."""
    if isinstance(before, Table) and isinstance(after, Table):
        for word, row in after.kernel.items():
            old = before.kernel.get(word, row)
            new = None if old == row else after.split_row(row)
            arrived = _compare(before, before.split_row(old), after, new, seconds)
            if arrived and new is not None:
                yield word, KernelOwn(clean(new[1].decode("utf-8", "replace").strip()), arrived)
