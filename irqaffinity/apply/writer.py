# SPDX-License-Identifier: Apache-2.0
"""The one writer of smp_affinity_list: it writes, reads back, and says in a verdict what the kernel did."""

import errno
import os
import stat
from typing import NamedTuple, Protocol

from irqaffinity.model.action import Action, Result, find_in_place, settled
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.observe.procfs import read_interrupt
from irqaffinity.observe.root import VANISHED, HostRoot
from irqaffinity.observe.sysfs import lists_interrupt

_WRITE = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
_NO_VECTOR = frozenset({errno.ENOSPC})
_OFFLINE = frozenset({errno.EINVAL, errno.ERANGE, errno.EOVERFLOW})
_KERNEL_OWNED = frozenset({errno.EIO, errno.EPERM})


class Writer(Protocol):
    """Moves one interrupt, or only tells that it would."""

    def place(self, action: Action) -> Result:
        """Bring the interrupt to its target; never raises for what the host answers."""
        ...


class AffinityWriter:
    """Writes for real."""

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def place(self, action: Action) -> Result:
        """Write the target, or the next spare CPU while the kernel has no vector free, and read back what holds now."""
        result = self._try(action, action.target, None)
        for spare in action.spares:
            if result.verdict is not Verdict.NO_VECTOR:
                break
            result = self._try(action, spare, IrqReason.NEXT_CPU)
        return result

    def _try(self, action: Action, cpus: CpuSet, reason: IrqReason | None) -> Result:
        if cpus == action.current:
            return find_in_place(action, cpus, reason)
        refusal = self._write(action, cpus)
        if refusal is None:
            return self._read_back(action, cpus, reason)
        return Result(action, refusal.verdict, action.target, action.current, action.effective, None, refusal.message)

    def _read_back(self, action: Action, asked: CpuSet, reason: IrqReason | None) -> Result:
        seen = read_interrupt(self._root, action.number)
        if seen is None:
            return Result(action, Verdict.GONE, asked, None, None, reason, Verdict.GONE.sentence)
        smp, effective = seen.smp, seen.effective
        if smp != asked:
            message = f"{asked} was written, and the file says {smp}: another program moves it too, or the kernel did"
            return Result(action, Verdict.PENDING, asked, smp, effective, reason, message)
        if settled(asked, effective):
            return Result(action, Verdict.SET, asked, smp, effective, reason, reason.sentence if reason else None)
        return Result(action, Verdict.PENDING, asked, smp, effective, reason, Verdict.PENDING.sentence)

    def _write(self, action: Action, cpus: CpuSet) -> "_Refusal | None":
        """Write once, through a descriptor that was open when the device still listed the number.

        A number that is reused after the check gives EIO through it, and never a foreign write. Returns None when the
        kernel accepted. A file without its owner's write permission is not opened at all: the kernel owns it.
        """
        calls, path = self._root.calls, self._root.affinity_file(action.number)
        try:
            if not calls.stat(path).st_mode & stat.S_IWUSR:
                return _Refusal(Verdict.MANAGED, Verdict.MANAGED.sentence)
            fd = calls.open(path, _WRITE)
            try:
                if not lists_interrupt(self._root, action.device, action.number):
                    return _Refusal(Verdict.GONE, "its device no longer lists this number")
                calls.write(fd, str(cpus).encode("ascii"))
            finally:
                calls.close(fd)
        except OSError as error:
            return self._explain(action, error)
        return None

    def _explain(self, action: Action, error: OSError) -> "_Refusal":
        """Turn an errno into a verdict: here, and nowhere else."""
        code = error.errno or 0
        if code in _KERNEL_OWNED:
            if not self._is_there(action):
                return _refusal(Verdict.GONE, error)
            if self.probe(action.number) is None:
                return _refusal(Verdict.MANAGED, error)
        if code in VANISHED:
            return _refusal(Verdict.GONE, error)
        if code in _NO_VECTOR:
            return _refusal(Verdict.NO_VECTOR, error)
        return _refusal(Verdict.OFFLINE if code in _OFFLINE else Verdict.DENIED, error)

    def _is_there(self, action: Action) -> bool:
        """Tell whether the interrupt exists and the device still lists its number: only then the kernel meant it."""
        exists = self._root.exists(self._root.affinity_file(action.number))
        return exists and lists_interrupt(self._root, action.device, action.number)

    def probe(self, number: int) -> OSError | None:
        """Return why the affinity of an interrupt could not be written, without writing it; None when it could."""
        try:
            self._root.calls.close(self._root.calls.open(self._root.affinity_file(number), os.O_WRONLY | os.O_CLOEXEC))
        except OSError as error:
            return error
        return None


class DryRunWriter:
    """Tells what would be written."""

    def place(self, action: Action) -> Result:
        """Return `would_set`, whatever the action."""
        return Result(action, Verdict.WOULD_SET, action.target, action.current, action.effective)


class _Refusal(NamedTuple):
    verdict: Verdict
    message: str


def _refusal(verdict: Verdict, error: OSError) -> _Refusal:
    return _Refusal(verdict, f"{verdict.sentence} ({error.strerror})")
