# SPDX-License-Identifier: Apache-2.0
"""A device that is read again: the same one while all is as it was, and what that takes."""

import errno
import os
import sys
from collections.abc import Callable

import pytest

from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.reading import Reading, read_again, read_anew
from irqaffinity.observe.root import HostRoot
from irqaffinity.observe.sysfs import Details
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus

PF, VF = "0000:41:00.0", "0000:41:00.1"
ADDRESS = PciAddress.parse(VF)
MOVED = (40, 41)
PLAIN = Details()


@pytest.fixture(autouse=True)
def device(host: FakeHost) -> None:
    """A virtual function whose two interrupts were moved."""
    host.add_device(PF, 0)
    host.add_device(VF, 0, parent=PF)
    host.add_vectors(VF, MOVED, "2-3", effective="2")


def read(host: FakeHost, details: Details = PLAIN, moved: tuple[int, ...] = MOVED) -> Reading:
    return read_anew(host.root, ADDRESS, details, moved=moved)


def test_a_device_as_it_was_is_the_same_reading(host: FakeHost) -> None:
    before = read(host)
    assert read_again(host.root, before, PLAIN) is before
    assert (before.device.driver, before.device.numa_node, before.device.parent) == (
        "vfio-pci",
        0,
        PciAddress.parse(PF),
    )
    assert [(seen.number, seen.smp, seen.effective) for seen in before.device.interrupts] == [
        (number, cpus("2-3"), cpus("2")) for number in MOVED
    ]


def test_each_file_is_opened_and_read_once_and_nothing_stays_open(host: FakeHost) -> None:
    before = read(host)
    calls: list[tuple[str, str]] = []
    host.called = lambda call, path: calls.append((call, path))  # type: ignore[method-assign]
    descriptors = set(os.listdir("/proc/self/fd"))
    read_again(host.root, before, PLAIN)
    device, interrupts = f"{host.sys}/bus/pci/devices/{VF}", f"{host.proc}/irq"
    files = [f"{interrupts}/{number}/{name}_affinity_list" for number in MOVED for name in ("smp", "effective")]
    assert calls == [
        ("listdir", f"{device}/msi_irqs"),
        ("readlink", f"{device}/physfn"),
        ("readlink", f"{device}/driver"),
        ("open", f"{device}/numa_node"),
        ("read", f"{device}/numa_node"),
        ("open", interrupts),
        *((call, file) for file in files for call in ("open", "read")),
    ]
    assert set(os.listdir("/proc/self/fd")) <= descriptors


def test_beside_its_files_a_device_costs_few_calls_of_functions(host: FakeHost) -> None:
    root, calls = HostRoot(str(host.proc), str(host.sys)), 0
    before = read_anew(root, ADDRESS, PLAIN, moved=MOVED)
    assert read_again(root, before, PLAIN) is before

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        read_again(root, before, PLAIN)
    finally:
        sys.setprofile(None)
    assert calls - 3 * len(before.files) <= 62


def put(path: str, text: str) -> Callable[[FakeHost], object]:
    return lambda host: (host.proc.parent / path).write_text(text)


def unlink(name: str) -> Callable[[FakeHost], object]:
    return lambda host: (host.device_folder(VF) / name).unlink()


def relink(name: str, target: str) -> Callable[[FakeHost], object]:
    def change(host: FakeHost) -> None:
        (host.device_folder(VF) / name).unlink()
        host.link(host.device_folder(VF) / name, host.sys / target)

    return change


CHANGES: dict[str, Callable[[FakeHost], object]] = {
    "affinity": put("proc/irq/41/smp_affinity_list", "3\n"),
    "longer affinity": put("proc/irq/41/smp_affinity_list", "2-31\n"),
    "empty affinity": put("proc/irq/41/smp_affinity_list", ""),
    "affinity without number": put("proc/irq/41/smp_affinity_list", "\n"),
    "affinity cut": put("proc/irq/41/smp_affinity_list", "2-"),
    "effective affinity": put("proc/irq/41/effective_affinity_list", "3\n"),
    "affinity of the first": put("proc/irq/40/smp_affinity_list", "3\n"),
    "no effective affinity": lambda host: (host.proc / "irq/41/effective_affinity_list").unlink(),
    "interrupt gone": lambda host: (host.proc / "irq/41/smp_affinity_list").unlink(),
    "one more": lambda host: host.put(host.device_folder(VF) / "msi_irqs/42", "msix"),
    "one less": unlink("msi_irqs/41"),
    "driver": relink("driver", "bus/pci/drivers/iavf"),
    "no driver": unlink("driver"),
    "physfn": relink("physfn", "devices/pci0000:00/0000:41:00.7"),
    "no physfn": unlink("physfn"),
    "numa_node": lambda host: host.put(host.device_folder(VF) / "numa_node", "1"),
    "no numa_node": unlink("numa_node"),
    "device gone": lambda host: (host.sys / f"bus/pci/devices/{VF}").unlink(),
    "interrupts gone": lambda host: (host.proc / "irq").rename(host.proc / "away"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_device_that_changed_is_to_be_read_anew(host: FakeHost, change: Callable[[FakeHost], object]) -> None:
    before = read(host)
    change(host)
    descriptors = set(os.listdir("/proc/self/fd"))
    assert read_again(host.root, before, PLAIN) is None
    assert set(os.listdir("/proc/self/fd")) <= descriptors


def test_a_file_without_an_end_of_line_is_the_same(host: FakeHost) -> None:
    before = read(host)
    put("proc/irq/41/smp_affinity_list", "2-3")(host)
    assert read_again(host.root, before, PLAIN) is before


@pytest.mark.parametrize("details", [Details(identity=True), Details(vectors=True)])
def test_a_device_that_was_read_in_other_detail_is_read_anew(host: FakeHost, details: Details) -> None:
    before, detailed = read(host), read(host, details)
    assert read_again(host.root, detailed, details) is detailed
    assert read_again(host.root, before, details) is None
    assert read_again(host.root, detailed, PLAIN) is None


DETAILS: dict[str, tuple[Details, Callable[[FakeHost], object]]] = {
    "vendor": (Details(identity=True), lambda host: host.put(host.device_folder(VF) / "vendor", "0x15b3")),
    "product": (Details(identity=True), lambda host: host.put(host.device_folder(VF) / "device", "0x101e")),
    "netdev": (Details(identity=True), lambda host: host.add_netdev("eth1v0", VF)),
    "netdev of the parent": (Details(identity=True), lambda host: host.add_netdev("eth1", PF)),
    "action": (Details(vectors=True), put("sys/kernel/irq/41/actions", f"vfio-msix[5]({VF})\n")),
    "hwirq": (Details(vectors=True), put("sys/kernel/irq/41/hwirq", "5\n")),
}


@pytest.mark.parametrize(("details", "change"), DETAILS.values(), ids=DETAILS.keys())
def test_a_detail_that_changed_is_to_be_read_anew(
    host: FakeHost, details: Details, change: Callable[[FakeHost], object]
) -> None:
    before = read(host, details)
    assert read_again(host.root, before, details) is before
    change(host)
    assert read_again(host.root, before, details) is None


@pytest.mark.parametrize("moved", [(), (40,), (41,)])
def test_the_permission_of_what_was_never_moved_has_to_be_looked_at(host: FakeHost, moved: tuple[int, ...]) -> None:
    assert read_again(host.root, read(host, moved=moved), PLAIN) is None


SHOWN_IN_PART: dict[str, Callable[[FakeHost], object]] = {
    "no effective file": lambda host: (host.proc / "irq/40/effective_affinity_list").unlink(),
    "unreadable affinity": put("proc/irq/40/smp_affinity_list", "?"),
    "interrupt that proc has not": lambda host: (host.proc / "irq/40/smp_affinity_list").unlink(),
    "device gone": lambda host: (host.sys / f"bus/pci/devices/{VF}").unlink(),
    "no interrupts": lambda host: [unlink(f"msi_irqs/{number}")(host) for number in MOVED],
}


@pytest.mark.parametrize("change", SHOWN_IN_PART.values(), ids=SHOWN_IN_PART.keys())
def test_what_files_and_links_do_not_show_is_read_anew(host: FakeHost, change: Callable[[FakeHost], object]) -> None:
    change(host)
    before = read(host)
    assert read_again(host.root, before, PLAIN) is None


def test_an_intx_line_is_read_anew_for_who_else_has_it_may_change(host: FakeHost) -> None:
    host.add_device("0000:41:00.2", 0, line=17)
    host.add_interrupt(17, "2-3", "2", action="vfio-intx(0000:41:00.2)")
    reading = read_anew(host.root, PciAddress.parse("0000:41:00.2"), PLAIN, moved=(17,))
    assert [seen.number for seen in reading.device.interrupts] == [17]
    assert read_again(host.root, reading, PLAIN) is None


@pytest.mark.parametrize("name", ["msi_irqs", "driver", "physfn"])
def test_a_device_whose_files_fail_is_read_anew_and_tells_why(host: FakeHost, name: str) -> None:
    before = read(host)

    def fail(_call: str, path: str) -> None:
        if path.endswith(f"{VF}/{name}"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)

    host.called = fail  # type: ignore[method-assign]
    assert read_again(host.root, before, PLAIN) is None
    failed = read(host)
    assert os.strerror(errno.EACCES) in (failed.device.trouble or "")
    assert read_again(host.root, failed, PLAIN) is None


def test_a_device_of_which_one_name_was_read_is_read_anew(host: FakeHost) -> None:
    named = read_anew(host.root, ADDRESS, PLAIN, (40,), MOVED)
    assert named.device.interrupts[0].action == f"vfio-msix[0]({VF})"
    assert read_again(host.root, named, PLAIN) is None


def test_a_list_that_is_longer_than_what_is_read_at_once_is_read_anew(host: FakeHost) -> None:
    even = ",".join(str(cpu) for cpu in range(0, 400, 2))
    put("proc/irq/40/smp_affinity_list", f"{even}\n")(host)
    before = read(host)
    assert before.device.interrupts[0].smp == cpus(even)
    assert read_again(host.root, before, PLAIN) is None
