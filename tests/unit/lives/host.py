# SPDX-License-Identifier: Apache-2.0
"""A small host whose interrupts are born and die, whose CPUs go and come, and whose kernel fails at times."""

import errno
import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from irqaffinity.state.folder import StateError
from tests.fakes.host import FakeHost
from tests.unit.lives.life import Device, Faults, Killed, Life
from tests.unit.lives.model import Cpus, DeviceFacts, Topology, parse_list, show

ALL = frozenset(range(8))
NODES: dict[int, Cpus] = {0: frozenset({0, 1, 2}), 1: frozenset({3, 4, 5}), 2: frozenset({6, 7}), 3: frozenset()}
"""Node 3 has memory alone."""
DISTANCES = {0: (10, 12, 32, 20), 1: (12, 10, 32, 20), 2: (32, 32, 10, 20), 3: (20, 20, 20, 10)}
SOCKETS = {0: 0, 1: 0, 2: 1, 3: 1}
DEVICES: dict[str, int | None] = {
    "0000:41:00.1": 0,
    "0000:41:00.2": 0,
    "0000:61:00.1": 1,
    "0000:81:00.1": 2,
    "0000:a1:00.0": -1,
    "0000:b1:00.0": None,
    "0000:c1:00.0": 3,
}
VFIO = "vfio-pci"
HOST_DRIVER = "iavf"

_IRQ = re.compile(r".*/irq/(\d+)/smp_affinity_list")


class LivingHost(FakeHost):
    """Files as a kernel shows them, and the truth behind these: `devices`, `online`, and each Life.

    `on_birth`, `on_death`, `on_attempt` and `on_write` tell the ledger what happens, at the moment when it does;
    `on_move` tells that somebody else moved an interrupt. With `late`, the next birth is told before /proc has the
    interrupt, which comes while it is looked for: at that look, after all looks for 0. `is_full`: no state can be
    stored; `is_unsaved`: the last one could not.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {node: show(cpus) for node, cpus in NODES.items()}, show(ALL))
        self.put(self.proc / "irq/default_smp_affinity", "ff")
        self.online = ALL
        self.devices = {address: Device() for address in DEVICES}
        self.faults = Faults()
        self.calls = self.saves = 0
        self.on_death: Callable[[Life], None] = lambda life: None
        self.on_birth: Callable[[Life], None] = lambda life: None
        self.on_move: Callable[[Life], None] = lambda life: None
        self.on_attempt: Callable[[Life, Cpus], None] = lambda life, cpus: None
        self.on_write: Callable[[Life, Cpus], None] = lambda life, cpus: None
        self.refusals: dict[Life, list[int]] = {}
        self.is_full = self.is_unsaved = False
        self.late: int | None = None
        self._looks = 0
        self._awaited: Life | None = None
        for address, node in DEVICES.items():
            self.add_device(address, node)
        self._show_cpus()

    @property
    def lives(self) -> dict[int, Life]:
        """Every interrupt that there is, by number."""
        return {number: life for device in self.devices.values() for number, life in device.lives.items()}

    def describe(self) -> tuple[dict[str, DeviceFacts], Topology]:
        """Return what the model needs of the host."""
        devices = {
            address: DeviceFacts(DEVICES[address], bool(device.lives)) for address, device in self.devices.items()
        }
        nodes = {node: cpus & self.online for node, cpus in NODES.items()}
        distances = {node: dict(enumerate(row)) for node, row in DISTANCES.items()}
        return devices, Topology(self.online, nodes, distances, SOCKETS)

    def bear(self, address: str, vectors: Sequence[tuple[int, Cpus]], mode: str = "") -> None:
        """Give a device these interrupts (number and first affinity), in place of those that it has."""
        device = self.devices[address]
        for number in list(device.lives):
            self.kill(number)
        for index, (number, cpus) in enumerate(vectors):
            if number in self.lives:
                self.kill(number)
            life = Life(number, address, device.driver, index, cpus if cpus & self.online else self.online, mode)
            self.put(self.device_folder(address) / f"msi_irqs/{number}", "msix")
            device.lives[number] = life
            if self.late is None:
                self._add(life)
            else:
                self._awaited, self._looks, self.late = life, self.late, None
            self.on_move(life)
            self.on_birth(life)
            self._come(life)

    def kill(self, number: int) -> None:
        """Free an interrupt."""
        life = self.lives.get(number)
        if life is not None:
            (self.device_folder(life.device) / f"msi_irqs/{number}").unlink()
            shutil.rmtree(self.proc / f"irq/{number}")
            shutil.rmtree(self.sys / f"kernel/irq/{number}")
            del self.devices[life.device].lives[number]
            self.on_death(life)

    def rebind(self, address: str, driver: str) -> None:
        """Bind a device to another driver; the old one frees all that it had."""
        for number in list(self.devices[address].lives):
            self.kill(number)
        self.devices[address].driver = driver
        link = self.device_folder(address) / "driver"
        link.unlink()
        self.link(link, self.sys / "bus/pci/drivers" / driver)

    def touch(self, number: int, cpus: Cpus) -> None:
        """Have another program write an interrupt's affinity."""
        life = self.lives.get(number)
        if life is not None and not life.mode and cpus & self.online and cpus != life.smp:
            self._move(life, cpus)

    def plug(self, online: Cpus) -> None:
        """Take CPUs away or bring them back: an affinity that loses its last online CPU becomes all online ones."""
        self.online = online
        self._show_cpus()
        for life in self.lives.values():
            if not life.smp & online:
                self._move(life, online)
            elif not life.mode:
                self._show(life)

    def called(self, call: str, path: str) -> None:
        self.calls += 1
        if self.calls == self.faults.kill_at:
            raise Killed
        if self._awaited is not None and call == "open" and path == self.root.affinity_file(self._awaited.number):
            self._looks -= 1
            if self._looks == 0:
                self._come(self._awaited)
        for address, (kind, code) in self.faults.folders.items():
            if call == kind and f"/{address}" in path and "/kernel/" not in path:
                raise OSError(code, os.strerror(code), path)
        found = _IRQ.fullmatch(path)
        if found is None or call not in ("open", "open_write"):
            return
        if call == "open_write":
            self._race("before", int(found[1]))
        code = (self.faults.unread if call == "open" else self.faults.refused_open).get(int(found[1]), 0)
        if code and (self.proc / f"irq/{found[1]}").exists():
            raise OSError(code, os.strerror(code), path)

    def opened_for_write(self, number: int) -> None:
        """Stand between the writer's open and its write."""
        self._race("within", number)

    def saved(self, *, can_fail: bool = True) -> None:
        """Stand before the state is stored, which can fail, and after it: there the process can be killed."""
        self.saves += 1
        if self.saves == self.faults.kill_at_save:
            raise Killed
        if can_fail and (self.is_full or self.saves == self.faults.save_fails_at):
            self.is_unsaved = True
            raise StateError(os.strerror(errno.ENOSPC))
        if not can_fail:
            self.is_unsaved = False

    def refusal(self, number: int, cpus: str) -> int:
        life = self.lives[number]
        self.on_attempt(life, parse_list(cpus))
        if life.mode:
            return int(life.mode)
        if not parse_list(cpus) & self.online:
            return errno.EINVAL
        pending = self.faults.refused_writes.get(number)
        code = pending.pop(0) if pending else 0
        if code:
            self.refusals.setdefault(life, []).append(code)
        return code

    def accepted(self, number: int, cpus: str) -> None:
        life = self.lives[number]
        value = parse_list(cpus)
        self.on_write(life, value)
        life.smp = value

    def effective_cpu(self, cpus: str) -> int:
        return min(parse_list(cpus) & self.online)

    def is_too_late(self, life: Life) -> bool:
        """Tell whether an interrupt was looked for as often as may be, and is not there."""
        return self._awaited is life and self._looks <= 0

    def begin(self) -> None:
        """Begin to count the calls of a pass."""
        self.calls = self.saves = 0
        self.refusals = {}
        self.on_open_for_write = self.opened_for_write

    def _come(self, life: Life) -> None:
        if self._awaited is life:
            self._awaited = None
            self._add(life)

    def _add(self, life: Life) -> None:
        number = life.number
        vfio = life.driver == VFIO
        action = f"vfio-msix[{life.index}]({life.device})" if vfio else f"iavf-eth0-TxRx-{life.index}"
        self.add_interrupt(number, show(life.smp), str(min(life.smp & self.online)), action=action, hwirq=life.index)
        if life.mode == "0444":
            (self.proc / f"irq/{number}/smp_affinity_list").chmod(0o444)

    def _race(self, when: str, number: int) -> None:
        if self.faults.races and self.faults.races[0][0] == when:
            self.faults.had_races = True
            self.faults.races.pop(0)[1](number)

    def _move(self, life: Life, cpus: Cpus) -> None:
        life.smp, life.touched = cpus, True
        self.on_move(life)
        self._show(life)

    def _show(self, life: Life) -> None:
        folder = self.proc / f"irq/{life.number}"
        smp = folder / "smp_affinity_list"
        smp.chmod(0o644)
        smp.write_text(f"{show(life.smp)}\n")
        (folder / "effective_affinity_list").write_text(f"{min(life.smp & self.online)}\n")
        if life.mode == "0444":
            smp.chmod(0o444)

    def _show_cpus(self) -> None:
        self.put(self.sys / "devices/system/cpu/online", show(self.online))
        for node, cpus in NODES.items():
            folder = self.sys / f"devices/system/node/node{node}"
            self.put(folder / "cpulist", show(cpus & self.online))
            self.put(folder / "distance", " ".join(map(str, DISTANCES[node])))
            for cpu in cpus:
                folder = self.sys / f"devices/system/cpu/cpu{cpu}/topology"
                if cpu in self.online:
                    self.put(folder / "physical_package_id", str(SOCKETS[node]))
                elif folder.exists():
                    shutil.rmtree(folder)
