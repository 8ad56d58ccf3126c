# SPDX-License-Identifier: Apache-2.0
"""The interrupts that no guest has: whose they are, where they are, and what a second look costs."""

import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from irqaffinity.model.irq import Interrupt, IrqId
from irqaffinity.model.isolation import HostInterrupt
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.observe.host_interrupts import HostInterrupts
from irqaffinity.observe.root import HostRoot, HostUnreadable
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus

NVME, NIC, SATA, VF = "0000:03:00.0", "0000:81:00.0", "0000:00:17.0", "0000:81:02.0"


NOBODY: frozenset[int] = frozenset()


class Calls(list[tuple[str, str]]):
    """The system calls of a host, in their order."""

    def count_of(self, *ends: str) -> int:
        """Return how many were about a path with one of these ends, without the reads of what was opened."""
        return sum(path.endswith(ends) for call, path in self if call != "read")


@pytest.fixture
def calls(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> Calls:
    found = Calls()
    monkeypatch.setattr(host, "called", lambda call, path: found.append((call, path)))
    return found


@pytest.fixture
def interrupts(host: FakeHost) -> HostInterrupts:
    """A disk with a managed queue, a network card, a serial port and a controller with an INTx line; nothing read."""
    host.add_device(NVME, 0, "nvme")
    host.add_device(NIC, 1, "ice", line=40)
    host.add_device(SATA, None, "ahci", line=17)
    host.add_host_interrupt(30, "nvme0q0", "0-15", "0", address=NVME)
    host.add_host_interrupt(31, "nvme0q1", "4-5", "4", address=NVME, is_managed=True)
    host.add_host_interrupt(40, "ice-eth0-TxRx-0", "0-15", "9", address=NIC)
    host.add_host_interrupt(4, "ttyS0", "0-15")
    host.add_host_interrupt(17, "ahci[0000:00:17.0]", "0-3", "0")
    return HostInterrupts(host.root)


def look(interrupts: HostInterrupts) -> dict[int, HostInterrupt]:
    """Return all interrupts, by number and in that order."""
    return {found.interrupt.number: found for found in interrupts.read(NOBODY, ())}


def address(text: str) -> PciAddress:
    return PciAddress.parse(text)


def test_each_has_its_place_its_name_and_its_device(interrupts: HostInterrupts) -> None:
    assert interrupts.read((), ()) == [
        HostInterrupt(Interrupt(4, cpus("0-15"), None, action="ttyS0"), NO_DEVICE),
        HostInterrupt(Interrupt(17, cpus("0-3"), cpus("0"), action="ahci[0000:00:17.0]"), address(SATA), "ahci", None),
        HostInterrupt(Interrupt(30, cpus("0-15"), cpus("0"), action="nvme0q0"), address(NVME), "nvme", 0),
        HostInterrupt(
            Interrupt(31, cpus("4-5"), cpus("4"), writable=False, action="nvme0q1"), address(NVME), "nvme", 0
        ),
        HostInterrupt(Interrupt(40, cpus("0-15"), cpus("9"), action="ice-eth0-TxRx-0"), address(NIC), "ice", 1),
    ]
    assert interrupts.total == 5


def test_those_of_guests_are_left_out_by_number_and_by_device(host: FakeHost, interrupts: HostInterrupts) -> None:
    host.add_device(VF, 1)
    host.add_vectors(VF, [50, 51], "2")
    found = interrupts.read({50, 4}, {address(VF)})
    assert [each.interrupt.number for each in found] == [17, 30, 31, 40]
    assert interrupts.total == 7
    assert 51 in {each.interrupt.number for each in interrupts.read({50}, ())}, "its guest has ended"


def test_a_line_that_several_devices_may_have_is_no_devices(host: FakeHost, interrupts: HostInterrupts) -> None:
    host.add_device("0000:00:1f.4", 0, "i801_smbus", line=17)
    assert look(interrupts)[17][1:] == (NO_DEVICE, None, None)


def test_a_line_is_not_that_of_a_device_without_a_driver_or_with_vectors(
    host: FakeHost, interrupts: HostInterrupts
) -> None:
    host.add_device("0000:00:1f.4", 0, None, line=17)
    host.add_host_interrupt(18, "i801_smbus", "0-15")
    host.add_device("0000:00:1f.5", 0, "snd", line=18)
    host.add_host_interrupt(60, "snd", "0-15", address="0000:00:1f.5")
    found = look(interrupts)
    assert found[17].device == address(SATA)
    assert found[18].device == NO_DEVICE
    assert found[60].device == address("0000:00:1f.5")


def test_nothing_is_made_anew_where_all_is_as_it_was(interrupts: HostInterrupts) -> None:
    first, second = look(interrupts), look(interrupts)
    assert all(second[number] is first[number] for number in first)
    assert interrupts.reborn == frozenset()


def test_a_second_look_costs_a_few_calls_for_each(host: FakeHost, interrupts: HostInterrupts, calls: Calls) -> None:
    for number in range(100, 150):
        host.add_host_interrupt(number, f"ice-eth0-TxRx-{number}", "0-15", "1", address=NIC)
    look(interrupts)
    calls.clear()
    look(interrupts)
    about = Counter(path.split("/")[-2] for _, path in calls if path.split("/")[-2].isdigit())
    assert calls.count_of("/msi_irqs") == 0, "no device is listed"
    assert calls.count_of(*(f"/msi_irqs/{number}" for number in range(100, 150))) == 50
    assert calls.count_of("/actions") == 2, "those of interrupts that no device lists"
    assert {about[str(number)] for number in range(100, 150)} == {5}, "two files are read, one is asked for its mode"
    assert {path for call, path in calls if call == "listdir"} <= {f"{host.proc}/irq"}
    assert calls.count_of(f"{NIC}/driver") == 1
    assert len(calls) <= 6 * 50 + 50


def test_idle_devices_cost_nothing_once_all_interrupts_are_known(
    host: FakeHost, interrupts: HostInterrupts, calls: Calls
) -> None:
    for number in range(64):
        host.add_device(f"0000:91:{number // 8:02x}.{number % 8}", 1, None)
    look(interrupts)
    assert calls.count_of("/msi_irqs") > 64
    calls.clear()
    look(interrupts)
    assert not [path for _, path in calls if "0000:91" in path]


CHANGES: dict[str, Callable[[FakeHost], object]] = {
    "affinity": lambda host: host.put(host.proc / "irq/40/smp_affinity_list", "0-7"),
    "effective": lambda host: host.put(host.proc / "irq/40/effective_affinity_list", "3"),
    "no effective": lambda host: (host.proc / "irq/40/effective_affinity_list").unlink(),
    "permission": lambda host: (host.proc / "irq/40/smp_affinity_list").chmod(0o444),
    "driver": lambda host: _rebind(host, NIC, "iavf"),
    "node": lambda host: host.put(host.device_folder(NIC) / "numa_node", "0"),
}


def _rebind(host: FakeHost, device: str, driver: str) -> None:
    link = host.device_folder(device) / "driver"
    link.unlink()
    host.link(link, host.driver_folder(driver))


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_seen_and_nothing_else_is_made_anew(
    host: FakeHost, interrupts: HostInterrupts, change: str
) -> None:
    before = look(interrupts)
    CHANGES[change](host)
    after = look(interrupts)
    assert after[40] != before[40]
    assert after == look(HostInterrupts(host.root))
    assert all(after[number] is before[number] for number in after if number != 40)


def test_a_name_is_read_again_until_there_is_one(host: FakeHost, interrupts: HostInterrupts) -> None:
    actions = host.sys / "kernel/irq/40/actions"
    host.put(actions, "")
    assert look(interrupts)[40].interrupt.action == ""
    host.put(actions, "ice-eth1-TxRx-0")
    assert look(interrupts)[40].interrupt.action == "ice-eth1-TxRx-0"


def test_an_interrupt_that_was_made_anew_is_told_and_its_name_is_read(
    host: FakeHost, interrupts: HostInterrupts
) -> None:
    look(interrupts)
    entry = host.device_folder(NIC) / "msi_irqs/40"
    host.put(host.device_folder(NIC) / "keeps-the-inode", "")
    entry.rename(entry.with_name("old"))
    host.put(entry, "msix")
    entry.with_name("old").unlink()
    host.put(host.sys / "kernel/irq/40/actions", "ice-eth0-TxRx-7")
    assert look(interrupts)[40].interrupt.action == "ice-eth0-TxRx-7"
    assert interrupts.reborn == {IrqId(address(NIC), 40)}
    look(interrupts)
    assert interrupts.reborn == frozenset()


def test_a_number_that_another_device_has_now_is_its(host: FakeHost, interrupts: HostInterrupts) -> None:
    look(interrupts)
    host.remove_interrupt(40)
    host.add_host_interrupt(40, "nvme0q2", "6-7", "6", address=NVME, is_managed=True)
    assert look(interrupts)[40] == HostInterrupt(
        Interrupt(40, cpus("6-7"), cpus("6"), writable=False, action="nvme0q2"), address(NVME), "nvme", 0
    )


@pytest.mark.parametrize("number", [4, 17])
def test_without_vectors_the_name_tells_that_it_is_another_one(
    host: FakeHost, interrupts: HostInterrupts, number: int
) -> None:
    look(interrupts)
    host.remove_interrupt(number)
    host.add_host_interrupt(number, "nvme0q2", "6-7", "6", address=NVME)
    assert look(interrupts)[number].device == address(NVME)


def test_a_line_whose_device_has_another_driver_is_looked_up_again(host: FakeHost, interrupts: HostInterrupts) -> None:
    assert look(interrupts)[17].device == address(SATA)
    (host.device_folder(SATA) / "driver").unlink()
    assert look(interrupts)[17][1:] == (NO_DEVICE, None, None)


def test_what_is_forgotten_is_looked_up_again(host: FakeHost, interrupts: HostInterrupts, calls: Calls) -> None:
    look(interrupts)
    calls.clear()
    host.put(host.sys / "kernel/irq/40/actions", "ice-eth0-TxRx-7")
    interrupts.forget([40, 999])
    assert look(interrupts)[40].interrupt.action == "ice-eth0-TxRx-7"
    assert calls.count_of("/msi_irqs") > 0


@pytest.fixture
def linked(host: FakeHost, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of a host whose /proc/irq has links as procfs counts them, on any file system."""

    def stat(path: str) -> os.stat_result:
        calls.append(("stat", path))
        found = list(os.stat(path))
        if path == f"{host.proc}/irq":
            found[3] = 2 + sum(name.is_dir() for name in Path(path).iterdir())
        return os.stat_result(found)

    monkeypatch.setattr(host, "stat", stat)
    return calls


def lists(calls: Calls) -> bool:
    """Tell whether /proc/irq was listed, and forget the calls."""
    found = any(call == "listdir" and path.endswith("/irq") for call, path in calls)
    calls.clear()
    return found


@pytest.fixture
def listed(linked: Calls, interrupts: HostInterrupts) -> HostInterrupts:
    """The same interrupts, listed once."""
    look(interrupts)
    assert lists(linked)
    return interrupts


def test_the_folder_is_listed_once_while_no_interrupt_comes_or_goes(listed: HostInterrupts, linked: Calls) -> None:
    before = look(listed)
    assert look(listed) == before
    assert listed.total == 5
    assert not lists(linked)


def test_a_birth_a_death_and_both_together_are_seen(host: FakeHost, listed: HostInterrupts, linked: Calls) -> None:
    host.add_host_interrupt(41, "ice-eth0-TxRx-1", "0-15", address=NIC)
    assert list(look(listed)) == [4, 17, 30, 31, 40, 41]
    host.remove_interrupt(41)
    assert list(look(listed)) == [4, 17, 30, 31, 40]
    host.remove_interrupt(40)
    host.add_host_interrupt(42, "ice-eth0-TxRx-1", "0-15", address=NIC)
    assert list(look(listed)) == [4, 17, 30, 31, 42]
    host.remove_interrupt(4)
    host.add_host_interrupt(5, "ttyS1", "0-15")
    lists(linked)
    assert list(look(listed)) == [5, 17, 30, 31, 42]
    assert lists(linked)


def test_other_guests_numbers_or_what_is_heard_make_it_list_again(listed: HostInterrupts, linked: Calls) -> None:
    assert [each.interrupt.number for each in listed.read({4}, ())] == [17, 30, 31, 40]
    assert lists(linked)
    look(listed)
    lists(linked)
    listed.forget([99])
    look(listed)
    assert lists(linked)


def test_an_interrupt_that_cannot_be_read_may_have_ended(
    host: FakeHost, listed: HostInterrupts, linked: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = f"{NIC}/msi_irqs/40"
    real = host.stat

    def stat(path: str) -> os.stat_result:
        if path.endswith(entry):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    monkeypatch.setattr(host, "stat", stat)
    for _ in range(2):
        assert look(listed)[40].interrupt.smp is None
        assert lists(linked)


def test_where_links_are_not_counted_it_is_listed_each_time(
    host: FakeHost, interrupts: HostInterrupts, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = host.stat

    def stat(path: str) -> os.stat_result:
        found = list(real(path))
        if path == f"{host.proc}/irq":
            found[3] = 1
        return os.stat_result(found)

    monkeypatch.setattr(host, "stat", stat)
    for _ in range(3):
        look(interrupts)
        assert lists(calls)


def fail(host: FakeHost, monkeypatch: pytest.MonkeyPatch, code: int, *ends: str) -> None:
    """Have each call on a path with one of these ends fail."""

    def called(call: str, path: str) -> None:
        if path.endswith(ends):
            raise OSError(code, os.strerror(code), path)

    monkeypatch.setattr(host, "called", called)


@pytest.mark.parametrize("code", [errno.ENOENT, errno.EIO, errno.ENXIO])
@pytest.mark.parametrize("is_known", [False, True])
def test_one_that_vanishes_after_the_list_is_left_out(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch, code: int, is_known: bool
) -> None:
    if is_known:
        look(interrupts)
    fail(host, monkeypatch, code, "irq/40/smp_affinity_list")
    assert list(look(interrupts)) == [4, 17, 30, 31]


UNREADABLE = ["irq/40/smp_affinity_list", f"{NIC}/msi_irqs/40", f"{NIC}/driver", f"{NIC}/numa_node"]


@pytest.mark.parametrize("end", [*UNREADABLE, "irq/40/actions"])
@pytest.mark.parametrize("is_known", [False, True])
def test_one_that_cannot_be_read_has_no_affinity_and_keeps_its_device(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch, end: str, is_known: bool
) -> None:
    if is_known:
        before = look(interrupts)
    fail(host, monkeypatch, errno.EACCES, end)
    found = look(interrupts)
    if is_known and end == "irq/40/actions":
        assert found[40] is before[40], "its name was read before"
        return
    assert found[40].interrupt == Interrupt(40, None, None)
    assert found[40].device == address(NIC)
    monkeypatch.undo()
    assert look(interrupts)[40].interrupt.smp == cpus("0-15")


def test_a_name_that_cannot_be_read_again_leaves_the_interrupt_in_doubt(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(interrupts)
    fail(host, monkeypatch, errno.EACCES, "irq/17/actions")
    assert look(interrupts)[17][:2] == (Interrupt(17, None, None), address(SATA))


def test_a_known_one_keeps_its_device_while_that_cannot_be_read_at_all(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(interrupts)
    fail(host, monkeypatch, errno.EACCES, f"{NIC}/msi_irqs", f"{NIC}/msi_irqs/40")
    for _ in range(2):
        assert look(interrupts)[40] == HostInterrupt(Interrupt(40, None, None), address(NIC))
    monkeypatch.undo()
    assert look(interrupts)[40].interrupt.smp == cpus("0-15")


def test_without_one_device_it_is_not_sure_that_an_interrupt_has_none(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(host, monkeypatch, errno.EACCES, f"{NIC}/msi_irqs")
    found = look(interrupts)
    assert found[30].device == address(NVME)
    for number in (4, 17, 40):
        assert found[number] == HostInterrupt(Interrupt(number, None, None), NO_DEVICE)
    monkeypatch.undo()
    assert look(interrupts)[40].device == address(NIC)


@pytest.mark.parametrize("name", ["proc/irq", "proc/irq/default_smp_affinity", "sys/bus/pci/devices"])
def test_without_the_folders_all_would_look_gone(host: FakeHost, interrupts: HostInterrupts, name: str) -> None:
    path = host.proc.parent / name
    path.rename(path.with_name("away"))
    with pytest.raises(HostUnreadable, match=r"point --(proc|sys) or \[host\] (proc|sys)"):
        interrupts.read((), ())


@pytest.mark.parametrize("call", ["listdir", "open"])
def test_a_folder_that_cannot_be_read_is_named(
    host: FakeHost, interrupts: HostInterrupts, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def called(now: str, path: str) -> None:
        if (now, path) == (call, f"{host.proc}/irq"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(host, "called", called)
    with pytest.raises(HostUnreadable, match="proc/irq cannot be read"):
        interrupts.read((), ())


def test_a_long_list_is_read_to_its_end(host: FakeHost, interrupts: HostInterrupts) -> None:
    every_other = ",".join(map(str, range(0, 2048, 2)))
    host.put(host.proc / "irq/40/smp_affinity_list", every_other)
    assert look(interrupts)[40].interrupt.smp == cpus(every_other)
    assert look(interrupts)[40] is look(interrupts)[40]


def test_a_name_from_outside_is_printable(host: FakeHost, interrupts: HostInterrupts) -> None:
    host.put(host.sys / "kernel/irq/4/actions", "tty\x1b[2JS0")
    assert look(interrupts)[4].interrupt.action == "tty\\x1b[2JS0"


def _actions(root: HostRoot) -> Iterator[tuple[int, str]]:
    for name in os.listdir(f"{root.proc}/irq"):
        path = Path(f"{root.sys}/kernel/irq/{name}/actions")
        if name.isdigit() and path.exists():
            yield int(name), path.read_text().strip()


def test_on_this_machine_each_number_is_returned_or_skipped_for_a_reason() -> None:
    root = HostRoot()
    if not Path("/proc/irq/default_smp_affinity").exists() or not Path("/sys/bus/pci/devices").exists():
        pytest.skip("this machine shows no interrupts, or has no PCI bus")
    names = dict(_actions(root))
    devices = {path.parent.parent.name for path in Path("/sys/bus/pci/devices").glob("*/msi_irqs/*")}
    claimed = {address(min(devices))} if devices else set()
    interrupts = HostInterrupts(root)
    folder = Path("/proc/irq")
    assert folder.stat().st_nlink == 2 + sum(path.is_dir() for path in folder.iterdir())
    every, found = look(interrupts), interrupts.read({min(names, default=0)}, claimed)
    still_there = set(names) & set(dict(_actions(root)))
    assert every.keys() >= still_there
    skipped = every.keys() - {each.interrupt.number for each in found}
    assert all(number == min(names) or every[number].device in claimed for number in skipped & still_there)
    for number, (interrupt, device, driver, _) in every.items():
        if device is not NO_DEVICE and devices:
            folder = Path(f"/sys/bus/pci/devices/{device}")
            assert (folder / f"msi_irqs/{number}").exists() or (folder / "irq").read_text().strip() == str(number)
            assert (folder / "driver").resolve().name == driver
        mode = Path(f"/proc/irq/{number}/smp_affinity_list").stat().st_mode
        assert interrupt.writable is bool(mode & 0o200)
        assert interrupt.action == names.get(number, interrupt.action)
