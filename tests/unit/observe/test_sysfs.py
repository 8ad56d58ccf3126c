# SPDX-License-Identifier: Apache-2.0
"""PCI devices as sysfs shows them: interrupts, node, driver, and what netdevs, vdpa devices and mdevs stand on."""

import pytest

from irqaffinity.model.host import Device
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.observe.sysfs import (
    Details,
    action_name,
    device_of_mdev,
    device_of_netdev,
    device_of_vdpa,
    lists_interrupt,
    msi_numbers,
    owner_of_interrupt,
    physical_function,
    read_device,
)
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus

PF, VF, OTHER = "0000:41:00.0", "0000:41:00.1", "0000:81:00.0"
PF_ADDRESS, VF_ADDRESS = PciAddress.parse(PF), PciAddress.parse(VF)
UUID = "b4a5d5ea-0000-4000-8000-000000000000"


def read(host: FakeHost, address: str = VF, **details: bool) -> Device:
    return read_device(host.root, PciAddress.parse(address), Details(**details))


def numbers(device: Device) -> list[int]:
    return [interrupt.number for interrupt in device.interrupts]


def test_a_device_with_its_vectors(host: FakeHost) -> None:
    host.add_device(PF, 0)
    host.add_device(VF, 1, parent=PF)
    host.add_vectors(VF, [41, 40], "0-7", "3")
    assert read(host) == Device(
        VF_ADDRESS,
        driver="vfio-pci",
        numa_node=1,
        interrupts=(Interrupt(40, cpus("0-7"), cpus("3")), Interrupt(41, cpus("0-7"), cpus("3"))),
        parent=PF_ADDRESS,
    )


def test_a_device_that_is_not_there(host: FakeHost) -> None:
    assert read(host) == Device(VF_ADDRESS, present=False)


def test_a_device_without_a_driver_and_without_interrupts(host: FakeHost) -> None:
    host.add_device(VF, 0, driver=None)
    device = read(host)
    assert (device.present, device.driver, device.parent) == (True, None, None)
    assert (device.interrupts, device.shares_line) == ((), False)


@pytest.mark.parametrize("domain", ["10000:00:04.0", "0000:00:1f.7"])
def test_addresses_beyond_four_digits_of_domain(host: FakeHost, domain: str) -> None:
    host.add_device(domain, 0)
    host.add_vectors(domain, [40], "0-7")
    assert numbers(read(host, domain)) == [40]


@pytest.mark.parametrize(("text", "node"), [("1", 1), ("0", 0), ("-1", -1), ("", None), ("nonsense", None)])
def test_the_node_is_what_the_file_says(host: FakeHost, text: str, node: int | None) -> None:
    folder = host.add_device(VF, None)
    host.put(folder / "numa_node", text)
    assert read(host).numa_node == node


def test_without_the_file_there_is_no_node(host: FakeHost) -> None:
    host.add_device(VF, None)
    assert read(host).numa_node is None


def test_entries_of_msi_irqs_that_are_no_numbers_are_passed_over(host: FakeHost) -> None:
    folder = host.add_device(VF, 0)
    host.add_vectors(VF, [100, 9, 40], "0-7")
    for name in ("power", "40a", "-5", "..40", "٤٢", "4 2", "²"):
        host.put(folder / "msi_irqs" / name, "msix")
    assert msi_numbers(host.root, VF_ADDRESS) == [9, 40, 100]
    assert numbers(read(host)) == [9, 40, 100]


def test_interrupts_that_proc_does_not_have_are_left_out(host: FakeHost) -> None:
    folder = host.add_device(VF, 0)
    host.add_vectors(VF, [40], "0-7")
    host.put(folder / "msi_irqs/41", "msix")
    assert numbers(read(host)) == [40]


INTX = f"vfio-intx({PF})"


@pytest.mark.parametrize(
    ("line", "actions", "found", "shares_line"),
    [
        (16, INTX, [16], False),
        (16, f"{INTX},ehci_hcd:usb1", [], True),
        (16, f"ehci_hcd:usb1,{INTX}", [], True),
        (16, "ehci_hcd:usb1,uhci_hcd:usb2", [], True),
        (16, "ehci_hcd:usb1", [], False),
        (16, f"vfio-intx({OTHER})", [], False),
        (16, f"vfio-msi[0]({PF})", [], False),
        (16, "", [], False),
        (0, INTX, [], False),
    ],
    ids=["own", "shared", "shared-second", "shared-foreign", "foreign", "other-device", "msi", "none", "irq-0"],
)
def test_the_line_counts_when_its_only_action_is_the_guests(
    host: FakeHost, line: int, actions: str, found: list[int], shares_line: bool
) -> None:
    host.add_device(PF, 0, line=line)
    host.add_interrupt(line, "0-15", action=actions)
    device = read(host, PF)
    assert (numbers(device), device.shares_line) == (found, shares_line)


def test_the_line_of_a_device_that_proc_does_not_have_is_left_out(host: FakeHost) -> None:
    host.add_device(PF, 0, line=16)
    host.put(host.sys / "kernel/irq/16/actions", INTX)
    device = read(host, PF)
    assert (device.interrupts, device.shares_line) == ((), False)


@pytest.mark.parametrize("text", ["", "nonsense", "-1", "../../etc"])
def test_a_line_that_is_no_number_is_none(host: FakeHost, text: str) -> None:
    host.put(host.add_device(PF, 0) / "irq", text)
    assert read(host, PF).interrupts == ()


def test_the_line_is_not_used_while_the_device_has_vectors(host: FakeHost) -> None:
    host.add_device(PF, 0, line=16)
    host.add_interrupt(16, "0-15", action=INTX)
    host.add_vectors(PF, [40], "0-15")
    assert numbers(read(host, PF)) == [40]


def test_the_line_is_used_while_msi_is_disabled_again(host: FakeHost) -> None:
    folder = host.add_device(PF, 0, line=16)
    (folder / "msi_irqs").mkdir()
    host.add_interrupt(16, "0-15", action=INTX)
    assert numbers(read(host, PF)) == [16]


def test_names_and_hwirqs_are_read_only_when_asked_for(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vectors(VF, [40, 41], "0-7")
    plain = read(host)
    assert [(interrupt.action, interrupt.hwirq) for interrupt in plain.interrupts] == [(None, None)] * 2
    detailed = read(host, vectors=True)
    assert [(interrupt.action, interrupt.hwirq) for interrupt in detailed.interrupts] == [
        (f"vfio-msix[0]({VF})", 0),
        (f"vfio-msix[1]({VF})", 1),
    ]


def test_of_the_named_interrupts_alone_the_name_is_read(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vectors(VF, [40, 41], "0-7")
    device = read_device(host.root, VF_ADDRESS, Details(), named={41})
    assert [interrupt.action for interrupt in device.interrupts] == [None, f"vfio-msix[1]({VF})"]


def test_a_line_that_is_named_has_its_name_read_too(host: FakeHost) -> None:
    host.add_device(PF, 0, line=16)
    host.add_interrupt(16, "0-15", action=INTX)
    device = read_device(host.root, PF_ADDRESS, Details(), named={16})
    assert [(interrupt.number, interrupt.action) for interrupt in device.interrupts] == [(16, INTX)]


def test_vectors_without_hwirq_and_actions_have_an_empty_name(host: FakeHost) -> None:
    folder = host.add_device(VF, 0)
    host.put(folder / "msi_irqs/40", "msix")
    host.put(host.proc / "irq/40/smp_affinity_list", "3")
    assert read(host, vectors=True).interrupts == (Interrupt(40, cpus("3"), None, True, "", None),)


def test_identity_is_read_only_when_asked_for(host: FakeHost) -> None:
    host.add_device(PF, 0, vendor="0x8086", product="0x10fb")
    host.add_device(VF, 0, vendor="0x8086", product="0x10ed", parent=PF)
    host.add_netdev("eth1", PF)
    host.add_netdev("eth1v0", VF)
    assert (read(host).vendor, read(host).netdevs, read(host).parent_netdevs) == ("", (), ())
    device = read(host, identity=True)
    assert (device.vendor, device.product) == ("8086", "10ed")
    assert (device.netdevs, device.parent_netdevs) == (("eth1v0",), ("eth1",))
    assert (read(host, PF, identity=True).netdevs, read(host, PF, identity=True).parent_netdevs) == (("eth1",), ())


def test_the_physical_function_of_a_virtual_one(host: FakeHost) -> None:
    host.add_device(PF, 0)
    host.add_device(VF, 0, parent=PF)
    assert physical_function(host.root, VF_ADDRESS) == PF_ADDRESS
    assert physical_function(host.root, PF_ADDRESS) is None


def test_an_action_name_that_does_not_print_is_made_printable(host: FakeHost) -> None:
    host.add_interrupt(40, "3", action="a\x1b[31mb")
    assert action_name(host.root, 40) == "a\\x1b[31mb"
    assert action_name(host.root, 41) == ""


@pytest.mark.parametrize(
    ("number", "listed"), [(40, True), (41, True), (42, False), (16, False)], ids=["both", "sysfs", "proc", "line"]
)
def test_a_device_lists_what_is_in_its_msi_irqs(host: FakeHost, number: int, listed: bool) -> None:
    folder = host.add_device(PF, 0, line=16)
    host.add_vectors(PF, [40], "0-7")
    host.put(folder / "msi_irqs/41", "msix")
    host.add_interrupt(42, "0-7", action=f"vfio-msix[1]({PF})")
    host.add_interrupt(16, "0-7", action="ehci_hcd:usb1")
    assert lists_interrupt(host.root, PF_ADDRESS, number) is listed


@pytest.mark.parametrize(("actions", "listed"), [(INTX, True), (f"{INTX},ehci_hcd:usb1", False), ("", False)])
def test_a_device_lists_its_line_while_it_is_the_guests_alone(host: FakeHost, actions: str, listed: bool) -> None:
    host.add_device(PF, 0, line=16)
    host.add_interrupt(16, "0-7", action=actions)
    assert lists_interrupt(host.root, PF_ADDRESS, 16) is listed


def test_a_netdev_on_a_pci_function(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_netdev("eth1v0", VF)
    assert device_of_netdev(host.root, "eth1v0") == VF_ADDRESS


def test_a_netdev_on_virtio_stands_on_the_pci_function_above(host: FakeHost) -> None:
    virtio = host.add_device(VF, 0) / "virtio3"
    host.link(virtio / "net/eth0/device", virtio)
    host.link(host.sys / "class/net/eth0", virtio / "net/eth0")
    assert device_of_netdev(host.root, "eth0") == VF_ADDRESS


def test_a_netdev_below_a_bridge_stands_on_the_deepest_function(host: FakeHost) -> None:
    host.add_device(PF, 0)
    below = host.device_folder(PF) / VF
    host.link(below / "net/eth0/device", below)
    host.link(host.sys / "class/net/eth0", below / "net/eth0")
    assert device_of_netdev(host.root, "eth0") == VF_ADDRESS


def test_a_netdev_on_no_pci_function(host: FakeHost) -> None:
    (host.sys / "devices/virtual/net/bond0").mkdir(parents=True)
    host.link(host.sys / "class/net/bond0", host.sys / "devices/virtual/net/bond0")
    assert device_of_netdev(host.root, "bond0") is None


@pytest.mark.parametrize("name", ["eth9", "0000:41:00.1"])
def test_a_netdev_that_is_not_there_stands_on_nothing_whatever_its_name(host: FakeHost, name: str) -> None:
    host.add_device(VF, 0)
    assert device_of_netdev(host.root, name) is None


def test_the_function_behind_a_vdpa_character_device(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_device(OTHER, 1)
    host.add_vdpa("vdpa0", "vhost-vdpa-1", OTHER)
    host.add_vdpa("vdpa1", "vhost-vdpa-0", VF)
    assert device_of_vdpa(host.root, "vhost-vdpa-0") == VF_ADDRESS
    assert device_of_vdpa(host.root, "vhost-vdpa-1") == PciAddress.parse(OTHER)
    assert device_of_vdpa(host.root, "vhost-vdpa-2") is None


def test_a_vdpa_device_may_bear_the_address_of_another_device_as_its_name(host: FakeHost) -> None:
    host.add_device(VF, node=0)
    host.add_vdpa(OTHER, "vhost-vdpa-0", VF)
    assert device_of_vdpa(host.root, "vhost-vdpa-0") == VF_ADDRESS


def test_a_host_without_vdpa_has_none(host: FakeHost) -> None:
    assert device_of_vdpa(host.root, "vhost-vdpa-0") is None


def test_the_parent_of_a_mediated_device(host: FakeHost) -> None:
    host.add_device(PF, 0)
    host.add_mdev(UUID, PF)
    assert device_of_mdev(host.root, UUID) == PF_ADDRESS
    assert device_of_mdev(host.root, UUID.replace("b", "c")) is None


def test_the_owner_of_an_interrupt(host: FakeHost) -> None:
    for address in (PF, VF, OTHER):
        host.add_device(address, 0)
    host.add_vectors(VF, [40], "0-7")
    host.add_vectors(OTHER, [41], "0-7")
    host.add_interrupt(42, "0-7")
    assert owner_of_interrupt(host.root, 40) == VF_ADDRESS
    assert owner_of_interrupt(host.root, 41) == PciAddress.parse(OTHER)
    assert owner_of_interrupt(host.root, 42) is None


def test_names_that_are_no_addresses_are_passed_over(host: FakeHost) -> None:
    host.add_device(VF, 0)
    (host.device_folder(VF) / "physfn").symlink_to("../odd")
    assert read_device(host.root, VF_ADDRESS, Details()).parent is None
    odd = host.sys / "bus/pci/devices/odd/msi_irqs"
    odd.mkdir(parents=True)
    (odd / "99").touch()
    assert owner_of_interrupt(host.root, 99) is None


def test_the_line_is_looked_at_also_when_no_listed_number_exists(host: FakeHost) -> None:
    """The listing and the interrupts are two moments: a device may have gone back to its line in between."""
    folder = host.add_device(PF, 0, line=16)
    host.add_interrupt(16, "0-7", action=INTX)
    host.put(folder / "msi_irqs/40", "msix")
    assert [interrupt.number for interrupt in read_device(host.root, PF_ADDRESS, Details()).interrupts] == [16]
