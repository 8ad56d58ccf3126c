# SPDX-License-Identifier: Apache-2.0
"""A host with its libvirt and the program; makes passes, and has each of them judged."""

import errno
import json
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from irqaffinity.grammar.device_spec import DeviceSpec, parse_device_spec
from irqaffinity.hypervisor.connection import LibvirtUnreachable
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes
from irqaffinity.passes.auditor import Auditor
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Distribution, Numa, Policy, WithoutMask
from irqaffinity.report.document import to_document
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.store import Keeper, Store
from tests.unit.lives.host import DEVICES, LivingHost
from tests.unit.lives.judge import Judge
from tests.unit.lives.ledger import Ledger, Violation
from tests.unit.lives.libvirt import ScriptedLibvirt
from tests.unit.lives.life import Faults, Killed, Life
from tests.unit.lives.midwife import Midwife
from tests.unit.lives.model import PLACED, RELEASE, Cpus, Fate, Rules
from tests.unit.lives.trace import Trace

Made = TypeVar("Made")

ADDRESSES = list(DEVICES)
_FOR_GOOD = frozenset({errno.EPERM, errno.EINVAL})


class WatchedStore(Store):
    """A state folder in whose saves the process can be killed, before it is stored and after, and whose disk fills."""

    def __init__(self, folder: StateFolder, host: LivingHost) -> None:
        super().__init__(folder, "boot-1")
        self._host = host

    def save(self, changes: Changes) -> None:
        self._host.saved()
        super().save(changes)
        self._host.saved(can_fail=False)


class Stage:
    """A host, its libvirt, and an Auditor over both, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = LivingHost(folder / "host")
        self.libvirt = ScriptedLibvirt(self.host)
        self.ledger = Ledger(self.host, self.libvirt)
        self.trace = Trace(self.host, self.ledger)
        self.trace.recorded = self._recorded
        self.judge = Judge(self.host, self.libvirt, self.ledger)
        self.midwife = Midwife(self.judge)
        self._state = StateFolder(str(folder / "state"))
        self.now = 0.0
        self.has_heard = False
        self.came_of: object = None
        """What the last call of the program returned, or the exception that it raised."""
        self.backoff: set[tuple[str, int]] = set()
        self.start()

    def store(self) -> Store:
        """Return the state as a process finds it that starts now."""
        return WatchedStore(self._state, self.host)

    def keeper(self) -> Keeper:
        """Return what the program keeps its state with."""
        return self.store()

    def start(self) -> None:
        policy = make_policy(self.judge.rules)
        self._keeper: Any = self.keeper()
        self.auditor = Auditor("cmp-12", self.host.root, self.libvirt, policy, self._keeper, clock=lambda: self.now)
        self.libvirt.answers.clear()
        self.trace.restart()
        self.midwife.forget()
        self.has_heard = False

    def make_pass(self, call: Callable[[], Pass], kind: str, uuid: str = "") -> Mapping[str, Fate]:
        """Make a pass, judge it, and return what was to become of each device.

        `kind` is the name of the auditor's method, `uuid` the guest that it is narrowed to.
        """
        seen = self.host.describe()
        self.begin(self.host.lives)
        made, is_dead = self.attempt(call)
        faults, self.host.faults = self.host.faults, Faults()
        self.ledger.end()
        self.has_heard = self.has_heard or (kind == "audit" and not self.libvirt.away)
        statuses, fates = self.judge.decide(seen)
        if kind == "reset":
            fates = {address: Fate(RELEASE) for address in fates}
        excused = self.excuse(faults)
        if made is not None and made.outcome.unsaved is not None:
            excused |= self.host.refusals.keys()  # a new life is not moved before its original is stored
        excused |= self.spared()
        if made is not None:
            self._check(kind, uuid, fates, excused)
            if kind == "audit" and not (faults.folders or faults.had_races):
                self.judge.check_report(to_document(made.outcome), statuses, fates)
        self._note(made, kind, fates, excused, faults)
        self.midwife.saw(kind, uuid, faults, is_made=made is not None)
        if is_dead:
            self.start()
        return fates

    def spared(self) -> set[Life]:
        """Return the interrupts that the program may leave alone for a while, for whatever it was told of them."""
        return set()

    def begin(self, numbers: Iterable[int]) -> None:
        """Begin a pass over interrupts."""
        self.trace.begin(numbers)
        self.host.begin()
        self.ledger.begin()

    def attempt(
        self, call: Callable[[], Made], of_folders: type[Exception] = LibvirtUnreachable
    ) -> tuple[Made | None, bool]:
        """Return what a pass gave, and whether the process was killed in it; raise Violation where it may not fail.

        `of_folders` is what a device that cannot be read may lead to.
        """
        try:
            self.came_of = result = call()
            return result, False
        except Killed as killed:
            self.came_of = killed
            return None, True
        except LibvirtUnreachable as error:
            self._allow(error, is_allowed=self.libvirt.away)
        except StateError as error:
            self._allow(error, is_allowed=bool(self.host.faults.save_fails_at))
        except of_folders as error:
            self._allow(error, is_allowed=bool(self.host.faults.folders))
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            frame = [frame for frame in frames if not frame.filename.endswith("/host.py")][-1]
            raise Violation("crash", f"{error!r} in {frame.name}, {Path(frame.filename).name}") from error
        return None, False

    def _note(
        self, made: Pass | None, kind: str, fates: Mapping[str, Fate], excused: set[Life], faults: Faults
    ) -> None:
        is_sure = made is not None and made.outcome.unsaved is None and not self.host.is_unsaved
        is_whole = kind in ("audit", "reset")
        if kind == "reset" or made is not None or isinstance(self.came_of, Killed) or not self.libvirt.away:
            self.judge.note(fates, excused, sure=is_sure, whole=is_whole)
        if is_sure:
            self.trace.taken()
        if is_sure and is_whole:
            self.ledger.lay_ghosts(set(faults.folders))

    def _allow(self, error: Exception, *, is_allowed: bool) -> None:
        self.came_of = error
        if not is_allowed:
            raise Violation("crash", repr(error))
        if self.ledger.written:
            raise Violation("away", f"{error!r}, and yet {self.ledger.written} was written")

    def _check(self, kind: str, uuid: str, fates: Mapping[str, Fate], excused: set[Life]) -> None:
        lives = [life for life in self.host.lives.values() if life not in excused]
        if kind == "audit_guest":
            owners = {address: self.libvirt.names(address) for address in fates}
            lives = [life for life in lives if owners[life.device] == [uuid] and fates[life.device].kind == PLACED]
        if kind != "look":
            self.judge.check(fates, lives)

    def excuse(self, faults: Faults) -> set[Life]:
        """Return the interrupts that the last pass could not serve, and note what was refused for good."""
        for life, codes in self.host.refusals.items():
            refused = codes.count(errno.EIO) + faults.had_races
            life.refused = life.refused or bool(_FOR_GOOD.intersection(codes)) or refused > 1
            if errno.ENOSPC in codes:
                life.next_cpu = True
                self.backoff.add((life.device, life.number))
        disturbed = set(ADDRESSES) if faults.folders and self.judge.rules.distribution == "spread" else faults.folders
        return {
            life
            for life in self.host.lives.values()
            if life.number in faults.unread
            or life.number in faults.refused_open
            or self.host.refusals.get(life, [errno.EIO]) != [errno.EIO]
            or life.device in disturbed
            or (life.device, life.number) in self.backoff
        }

    def records(self) -> list[tuple[str, int]]:
        state = self.store().load()
        records = [(str(address), number) for address, found in state.records.items() for number in found]
        return records + [(str(irq.device), irq.number) for irq in state.fixed if self._is_forgotten(irq.number)]

    def _recorded(self, life: Life) -> Cpus | None:
        records = self._keeper._state.records or self._keeper.peek().records
        record = records.get(PciAddress.parse(life.device), {}).get(life.number)
        return None if record is None else frozenset(record.written)

    def _is_forgotten(self, number: int) -> bool:
        return number not in self.host.lives


def make_policy(rules: Rules) -> Policy:
    """Return the policy that these rules are for the program."""
    specs: tuple[DeviceSpec, ...] = ()
    for address in sorted(rules.allowed or ()):
        specs += parse_device_spec(json.dumps({"address": address}))
    return Policy(
        numa=Numa(rules.numa),
        distribution=Distribution(rules.distribution),
        without_mask=WithoutMask(rules.without_mask),
        dedicated_cpus=None if rules.dedicated_cpus is None else CpuSet(rules.dedicated_cpus),
        device_specs=specs,
    )
