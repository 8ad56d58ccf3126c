# SPDX-License-Identifier: Apache-2.0
"""Makes physical functions what `[sriov] pf` declares: first their counts, then the settings of virtual functions.

Who uses a function is looked up again and again: no setting is written by a look that is older than FRESH. Each look
also shows what became of the settings written before it. Right before each write one thing more is asked: whether a
hold was made, or somebody takes the function, since.
"""

import os
import socket
import time
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from irqaffinity.apply.vf_count import DEADLINE, Counted, Keep, write_autoprobe, write_count
from irqaffinity.apply.vf_settings import Answer, NetlinkVfWriter, VfWriter
from irqaffinity.model.declared import DeclaredPf, Made, Setting, Step
from irqaffinity.model.hold import Hold
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use, VfSettings
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import device_folder
from irqaffinity.plan.declared import Write, losses, plan_declared, refuse_taken, writes_of
from irqaffinity.plan.hold_setting import hold_setting

FRESH = 2.0
"""Seconds for which a look at who uses what counts."""

_Key = tuple[PciAddress | None, int | None, Setting]


class CountWriter(Protocol):
    """Gives a device another number of virtual functions."""

    def __call__(self, folder: str, wanted: int, deadline: float, keep: Keep, *, removes: bool) -> Counted:
        """Do what apply/vf_count.write_count does."""


class _Written(NamedTuple):
    """Steps that one netlink attribute was written for, and what the kernel answered; None where nobody asked it."""

    steps: Sequence[Step]
    answer: Answer | None


@dataclass
class Applier:
    """What it needs to make physical functions what they are declared to be; each part can be another one in a test.

    `look` returns the inventory as it is now, `holds` the holds in force. `look_again` returns who has taken a function
    since the last look, and `holds_now` the holds: both are asked before each write, and cost little. `tell` says a
    line to the person who asked, before anything is lost. `unsupported` are settings that are not worth another try.
    """

    root: HostRoot
    look: Callable[[], Inventory]
    holds: Callable[[], Sequence[Hold]] = tuple
    look_again: Callable[[Function | PhysicalFunction], Use | None] = lambda _function: None
    holds_now: Callable[[], Sequence[Hold]] = tuple
    tell: Callable[[str], None] = lambda _line: None
    unsupported: Collection[tuple[PciAddress, Setting]] = ()
    open_writer: Callable[[], VfWriter] = NetlinkVfWriter
    index_of: Callable[[str], int] = socket.if_nametoindex
    write_count: CountWriter = write_count
    write_autoprobe: Callable[[str, bool, float, Keep], Counted] = write_autoprobe
    deadline: float = DEADLINE
    clock: Callable[[], float] = time.monotonic
    _writer: VfWriter | None = field(default=None, init=False)

    def rehearse(self, declared: Sequence[DeclaredPf], *, force: bool = False) -> list[Step]:
        """Return what would be done, and write nothing."""
        return self._plan(self.look(), declared, force=force)

    def apply(self, declared: Sequence[DeclaredPf], *, force: bool = False) -> list[Step]:
        """Make it so, and return what became of each setting."""
        try:
            return self._apply(declared, force=force)
        finally:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _apply(self, declared: Sequence[DeclaredPf], *, force: bool) -> list[Step]:
        inventory, done, stuck = self._make_counts(declared, force=force)
        while True:
            steps = [step for step in self._plan(inventory, declared, force=force) if _is_there(step)]
            open_steps = [step for step in steps if _key(step) not in done and step.pf not in stuck]
            written = self._write_some(inventory, open_steps)
            if not written:
                return _merge(steps, done, stuck)
            inventory = self.look()
            done.update({_key(step): step for step in _read_back(written, inventory)})

    def _plan(self, inventory: Inventory, declared: Sequence[DeclaredPf], *, force: bool) -> list[Step]:
        holds = self.holds()
        pfs = {pf.address: pf for pf in inventory.pfs}
        steps = plan_declared(inventory, declared, force=force)
        given = (_give_up(step, self.unsupported) for step in steps)
        return [hold_setting(step, holds, None if step.pf is None else pfs[step.pf]) for step in given]

    def _make_counts(
        self, declared: Sequence[DeclaredPf], *, force: bool
    ) -> tuple[Inventory, dict[_Key, Step], set[PciAddress | None]]:
        """Make physical functions so, one by one, for a count takes its time: by then others are used, or held.

        Return the inventory, the steps that were made, and the functions in which the kernel hangs.
        """
        inventory, until = self.look(), self.clock() + FRESH
        done: dict[_Key, Step] = {}
        stuck: set[PciAddress | None] = set()
        while True:
            if done and self.clock() >= until:
                inventory, until = self.look(), self.clock() + FRESH
            steps = filter(_is_for_pf, self._plan(inventory, declared, force=force))
            step = next((each for each in steps if _key(each) not in done and each.pf not in stuck), None)
            if step is None:
                return self.look() if done else inventory, done, stuck
            answer = self._make(next(pf for pf in inventory.pfs if pf.address == step.pf), step)
            if answer.hangs:
                stuck.add(step.pf)
            step = step.became(answer.made, answer.message)
            done[_key(step)] = step._replace(was_written=answer.made not in (Made.HELD, Made.REFUSED))

    def _make(self, pf: PhysicalFunction, step: Step) -> Counted:
        folder, is_count = device_folder(self.root, pf.address), step.setting is Setting.NUMVFS

        def keep() -> Counted | None:
            (now,) = self._ask_again(pf, pf, [step])
            if now.made is not Made.WOULD_SET:
                return Counted(now.made, now.message)
            if is_count:
                self._tell_losses(pf)
            return None

        if not is_count:
            return self.write_autoprobe(folder, bool(step.target), self.deadline, keep)
        wanted = step.target if isinstance(step.target, int) else 0
        answer = self.write_count(folder, wanted, self.deadline, keep, removes=pf.num_vfs > 0)
        return answer._replace(message=f"{answer.message}; {self._holders(pf)}") if answer.hangs else answer

    def _tell_losses(self, pf: PhysicalFunction) -> None:
        if pf.num_vfs:
            self.tell(f"{pf.netdev or pf.address}: all {pf.num_vfs} virtual functions are removed")
        for line in losses(pf):
            self.tell(f"{pf.netdev or pf.address}: in use, and lost: {line}")

    def _ask_again(
        self, pf: PhysicalFunction, function: Function | PhysicalFunction, steps: Sequence[Step]
    ) -> list[Step]:
        """Return the steps that are about to be made, refused or held by what is known at this moment."""
        use = self.look_again(function)
        holds = self.holds_now()  # last, so that hardly any time is left for another one
        return [hold_setting(step, holds, pf) if use is None else refuse_taken(step, use) for step in steps]

    def _holders(self, pf: PhysicalFunction) -> str:
        """Return who still has virtual functions for which the kernel may wait.

        It takes the link of a function away, and then waits for its user; the function's own folder stays until then.
        """
        now = next((each for each in self.look().pfs if each.address == pf.address), pf)
        linked = {vf.address for vf in now.vfs}
        waiting = (vf for vf in pf.vfs if vf.address not in linked and self._exists(vf.address))
        told = losses(replace(now, vfs=(*waiting, *now.vfs)))
        return "in use: " + ("; ".join(told) or "none that can be told, see irqaffinity sriov")

    def _exists(self, address: PciAddress) -> bool:
        return os.path.lexists(device_folder(self.root, address))

    def _write_some(self, inventory: Inventory, steps: Sequence[Step]) -> list[_Written]:
        """Write settings for as long as the look counts, whole virtual functions each; return what was written."""
        until, written = self.clock() + FRESH, list[_Written]()
        for pf in inventory.pfs:
            last = None
            for write in writes_of([step for step in steps if step.pf == pf.address], pf.vfs):
                if write.vf != last and written and self.clock() >= until:
                    return written
                last = write.vf
                written.append(self._write(pf, write))
        return written

    def _write(self, pf: PhysicalFunction, write: Write) -> _Written:
        try:
            index = self._find_index(pf)
            if self._writer is None:
                self._writer = self.open_writer()
        except (OSError, ValueError) as error:
            return _Written(write.steps, Answer(Made.FAILED, f"the netdev {pf.netdev} cannot be reached: {error}"))
        steps = self._ask_again(pf, next(vf for vf in pf.vfs if vf.index == write.vf), write.steps)
        if any(step.made is not Made.WOULD_SET for step in steps):
            return _Written(steps, None)
        return _Written(steps, self._writer.write(index, write.vf, write.values))

    def _find_index(self, pf: PhysicalFunction) -> int:
        """Return the index of the netdev, for which sysfs and netlink have to be of one network namespace."""
        found = self.root.read(f"{device_folder(self.root, pf.address)}/net/{pf.netdev}/ifindex")
        index = self.index_of(pf.netdev or "")
        if int(found) != index:
            raise ValueError("it is in another network namespace than this process")
        return index


def _key(step: Step) -> _Key:
    return step.pf, step.vf, step.setting


def _is_for_pf(step: Step) -> bool:
    """Whether a physical function itself has to be made so."""
    return step.vf is None and step.pf is not None and step.made is Made.WOULD_SET


def _is_there(step: Step) -> bool:
    """Whether a step is not about a virtual function that there would be with another count."""
    return step.vf is None or step.device is not None or step.made is not Made.WOULD_SET


def _merge(steps: Iterable[Step], done: Mapping[_Key, Step], stuck: Container[PciAddress | None]) -> list[Step]:
    """Return what became of each step; of a function in which the kernel hangs, nothing is known but that."""
    found = [done.get(_key(step), step) for step in steps if step.pf not in stuck]
    found += [step for step in done.values() if step.pf in stuck]
    return found


def _give_up(step: Step, unsupported: Collection[tuple[PciAddress, Setting]]) -> Step:
    """Return the step, `unsupported` where the driver was seen before to refuse or to ignore this setting."""
    if step.made is Made.WOULD_SET and (step.pf, step.setting) in unsupported:
        return step.became(Made.UNSUPPORTED, "the driver refused or ignored it before")
    return step


def _read_back(written: Iterable[_Written], inventory: Inventory) -> Iterator[Step]:
    """Give the steps that were written, judged by what their virtual functions have now."""
    now = {vf.address: vf.settings for pf in inventory.pfs for vf in pf.vfs}
    for steps, answer in written:
        if answer is None:
            yield from steps
            continue
        for step in steps:
            settings = None if step.device is None else now.get(step.device)
            yield step.became(*_judge(step, answer, settings))._replace(was_written=True)


def _judge(step: Step, answer: Answer, settings: VfSettings | None) -> Answer:
    value = None if settings is None else getattr(settings, step.setting.value)
    if answer.made is not Made.SET or value == step.target:
        return answer
    if settings is None:
        return Answer(Made.FAILED, "the virtual function, or what netlink tells of it, has gone")
    return Answer(Made.UNSUPPORTED, "the driver accepted it and changed nothing")
