# SPDX-License-Identifier: Apache-2.0
"""The only writer of smp_affinity_list and default_smp_affinity: it writes, reads back, and returns a verdict."""

import errno
import os
import stat
from typing import NamedTuple, Protocol

from irqaffinity.model.action import Action, Result, find_in_place, settled
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import HOST
from irqaffinity.model.irq import DEFAULT, Interrupt, immovable_verdict
from irqaffinity.model.pci import NO_DEVICE
from irqaffinity.model.verdict import IrqReason, Verdict
from irqaffinity.observe.procfs import read_default_affinity, read_interrupt
from irqaffinity.observe.root import VANISHED, HostRoot, HostUnreadable
from irqaffinity.observe.sysfs import action_name, driver_of, has_number, lists_interrupt
from irqaffinity.observe.topology import read_online

_WRITE = os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
_KERNEL_OWNED = frozenset({errno.EIO, errno.EPERM})
_PLAIN = {
    errno.ENOSPC: Verdict.NO_VECTOR,
    errno.ERANGE: Verdict.OFFLINE,
    errno.EOVERFLOW: Verdict.OFFLINE,
    **dict.fromkeys(
        (errno.EBUSY, errno.EAGAIN, errno.EINTR, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ETIMEDOUT),
        Verdict.PENDING,
    ),
    **dict.fromkeys(VANISHED, Verdict.GONE),
}
"""The verdicts of errnos that mean the same for every interrupt; all other errnos are `denied`."""


class Writer(Protocol):
    """Moves one interrupt, or only returns that it would."""

    def place(self, action: Action) -> Result:
        """Move the interrupt to its target and return the result; never raise for an error of the host."""
        ...


class AffinityWriter:
    """Writes for real."""

    def __init__(self, root: HostRoot) -> None:
        self._root = root

    def place(self, action: Action) -> Result:
        """Write the target, or while the kernel has no vector free the next spare CPU, and read the affinity back."""
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
        return Result(
            action,
            refusal.verdict,
            action.target,
            action.current,
            action.effective,
            message=refusal.message,
            handler=refusal.handler,
            reborn=refusal.reborn,
        )

    def _read_back(self, action: Action, asked: CpuSet, reason: IrqReason | None) -> Result:
        seen = self._read(action)
        if seen is None:
            return Result(action, Verdict.GONE, asked, None, None, reason, Verdict.GONE.sentence)
        smp, effective = seen.smp, seen.effective
        verdict, message = Verdict.PENDING, Verdict.PENDING.sentence
        if smp != asked:
            found = "cannot be read" if smp is None else f"says {smp}: another program moves it too, or the kernel did"
            message = f"{asked} was written, and the file {found}"
        elif settled(asked, effective):
            verdict, message = Verdict.SET, reason.sentence if reason else ""
        return Result(action, verdict, asked, smp, effective, reason, message or None, was_written=True)

    def _read(self, action: Action) -> Interrupt | None:
        if action.irq != DEFAULT:
            return read_interrupt(self._root, action.number)
        try:
            return Interrupt(DEFAULT.number, read_default_affinity(self._root), None)
        except (HostUnreadable, OSError):
            return Interrupt(DEFAULT.number, None, None)

    def _write(self, action: Action, cpus: CpuSet) -> "_Refusal | None":
        """Write once, through a descriptor opened before the check that the number is still the same interrupt.

        Where the number is reused after the check, the write gives EIO, and never moves a foreign interrupt. Return
        None when the kernel accepted. Never open a file without its owner's write permission, and never take all CPUs
        from an interrupt.
        """
        calls, is_default = self._root.calls, action.irq == DEFAULT
        path = self._root.default_affinity_file if is_default else self._root.affinity_file(action.number)
        if not cpus:
            return _Refusal(Verdict.OFFLINE, "there is no CPU to write")
        try:
            if not calls.stat(path).st_mode & stat.S_IWUSR:
                return _refusal(Verdict.DENIED, "") if is_default else self._refuse_for_good(action, "")
            fd = calls.open(path, _WRITE)
            try:
                changed = self._find_change(action)
                if changed is not None:
                    return _Refusal(Verdict.GONE, changed)
                calls.write(fd, (cpus.mask if is_default else str(cpus)).encode("ascii"))
            finally:
                calls.close(fd)
        except OSError as error:
            return self._explain(action, cpus, error)
        return None

    def _find_change(self, action: Action) -> str | None:
        """Return why the number is another interrupt than at the decision, None where it is the same; raise OSError."""
        if action.irq == DEFAULT:
            return None
        if not self._lists(action):
            return "its device no longer lists this number"
        if action.device != NO_DEVICE and driver_of(self._root, action.device) != action.driver:
            return "its device has another driver now"
        if action.owner == HOST and action_name(self._root, action.number) != (action.handler or ""):
            return "it has another handler now"
        return None

    def _lists(self, action: Action) -> bool:
        """Tell whether the device still has the interrupt; one that vfio does not serve must have its handler, too."""
        if action.owner != HOST:
            return lists_interrupt(self._root, action.device, action.number)
        return action.device == NO_DEVICE or has_number(self._root, action.device, action.number)

    def _explain(self, action: Action, cpus: CpuSet, error: OSError) -> "_Refusal":
        """Turn an errno into a verdict: here, and nowhere else."""
        code, said = error.errno or 0, f" ({error.strerror})"
        if action.irq == DEFAULT:
            return self._explain_default(code, cpus, said)
        if code in _KERNEL_OWNED:
            if not self._is_there(action):
                return _refusal(Verdict.GONE, said)
            if self.probe(action.number) is None:
                return self._refuse_kernel_owned(action, said, maybe_reborn=code == errno.EIO)
        if code == errno.EINVAL:
            if self._has_online(cpus):
                return self._refuse_for_good(action, said, by_chip=True)
            return _refusal(Verdict.OFFLINE, said)
        verdict = _PLAIN.get(code, Verdict.DENIED)
        if verdict is Verdict.PENDING:
            return _Refusal(verdict, f"it could not be moved at this moment{said}, and is tried again")
        return _refusal(verdict, said)

    def _explain_default(self, code: int, cpus: CpuSet, said: str) -> "_Refusal":
        """Turn an errno of default_smp_affinity into a verdict: no chip and no life stand behind this file."""
        is_offline = code == errno.EINVAL and not self._has_online(cpus)
        verdict = Verdict.OFFLINE if is_offline else _PLAIN.get(code, Verdict.DENIED)
        return _refusal(Verdict.DENIED if verdict is Verdict.GONE else verdict, said)

    def _refuse_kernel_owned(self, action: Action, said: str, *, maybe_reborn: bool) -> "_Refusal":
        """Return the refusal of a write to an interrupt that the kernel keeps for itself.

        Before Linux 6.12 the kernel gives the same error (EIO) through a descriptor of an earlier life of the
        interrupt: with `maybe_reborn` the refusal has the interrupt as it is now.
        """
        refusal = self._refuse_for_good(action, said)
        if not maybe_reborn:
            return refusal
        reborn = read_interrupt(self._root, action.number)
        return _refusal(Verdict.GONE, said) if reborn is None else refusal._replace(reborn=reborn)

    def _refuse_for_good(self, action: Action, said: str, *, by_chip: bool = False) -> "_Refusal":
        """Return the refusal of an interrupt that will never move, with the name by which the state remembers it.

        `by_chip` is true where its interrupt controller refused, and not the kernel, which keeps it for itself.
        """
        handler = self._action_name(action.number)
        verdict = Verdict.IMMOVABLE if by_chip else immovable_verdict(handler)
        return _refusal(verdict, said)._replace(handler=handler)

    def _action_name(self, number: int) -> str:
        try:
            return action_name(self._root, number)
        except OSError:
            return ""

    def _has_online(self, cpus: CpuSet) -> bool:
        """Return whether one of `cpus` is online at this moment."""
        try:
            return bool(cpus & read_online(self._root))
        except HostUnreadable:
            return False

    def _is_there(self, action: Action) -> bool:
        """Return whether the interrupt exists and the device lists its number: only then the error is about it."""
        try:
            exists = self._root.exists(self._root.affinity_file(action.number))
            return exists and self._lists(action)
        except OSError:
            return True  # nobody knows, and the next pass sees whether it is gone

    def probe(self, number: int) -> OSError | None:
        """Return why the affinity of an interrupt could not be written, without writing it; None when it could."""
        try:
            self._root.calls.close(self._root.calls.open(self._root.affinity_file(number), os.O_WRONLY | os.O_CLOEXEC))
        except OSError as error:
            return error
        return None


class DryRunWriter:
    """Writes nothing, and returns what would be written."""

    def place(self, action: Action) -> Result:
        """Return `would_set` for every action."""
        message = "would be given back" if action.is_release else None
        return Result(action, Verdict.WOULD_SET, action.target, action.current, action.effective, message=message)


class _Refusal(NamedTuple):
    verdict: Verdict
    message: str
    handler: str | None = None
    reborn: Interrupt | None = None


def _refusal(verdict: Verdict, said: str) -> _Refusal:
    return _Refusal(verdict, verdict.sentence + said)
