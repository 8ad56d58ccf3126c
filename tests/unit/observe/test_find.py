# SPDX-License-Identifier: Apache-2.0
"""The one thing that a person named, or what to name instead."""

from pathlib import Path

import pytest

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.target import Cpu, UnknownTarget
from irqaffinity.observe.find import find_device, find_guest, find_target
from irqaffinity.observe.guests import Seen
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.unit.observe.test_meanings import MAC, guest, interface, named, seen

UUID, OTHER_UUID = GuestId(GUEST), GuestId(OTHER)
ADDRESS0, ADDRESS1 = PciAddress.parse(VF0), PciAddress.parse(VF1)
REMEDY = "name one of them by its uuid, by its full address or as irq N"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = Scene(tmp_path).host
    made.add_interrupt(16, "0-15", action="timer")
    made.add_netdev("ens1f0v0", VF0)
    return made


def two(host: FakeHost) -> Seen:
    first = guest(VF0, VF1, interface("bridge"), metadata=named("web"))
    return seen(host, first, guest(name="16", uuid=OTHER, metadata=named("web")))


def test_one_thing_is_found(host: FakeHost) -> None:
    assert find_target(host.root, two(host), "40") == 40
    assert find_target(host.root, two(host), "81:00.1") == ADDRESS1
    assert find_target(host.root, two(host), "instance-0") == UUID
    assert find_target(host.root, two(host), "cpu 15") == Cpu(15)


@pytest.mark.parametrize(
    ("text", "listed"),
    [
        ("web", f"guest {GUEST} (instance-0), guest {OTHER} (16)"),
        ("16", f"irq 16, guest {OTHER} (16)"),
    ],
)
def test_several_things_are_listed_by_names_that_are_sure(host: FakeHost, text: str, listed: str) -> None:
    with pytest.raises(UnknownTarget) as told:
        find_target(host.root, two(host), text)
    assert str(told.value) == f"'{text}' means several things: {listed}; {REMEDY}"


def test_a_name_that_several_have_is_shown_on_one_printable_line(host: FakeHost) -> None:
    both = (guest(metadata=named("a\u202eb")), guest(name="b", uuid=OTHER, metadata=named("a\u202eb")))
    with pytest.raises(UnknownTarget, match=r"^'a\\x202eb' means several things"):
        find_target(host.root, seen(host, *both), "a\u202eb")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "99",
            (
                "there is no interrupt 99: {proc}/irq/99 does not exist, and no active guest has the name '99'; "
                "/proc/interrupts shows the interrupts"
            ),
        ),
        (
            "0000:ff:00.0",
            (
                "there is no PCI device 0000:ff:00.0: {sys}/bus/pci/devices/0000:ff:00.0 does not exist; "
                "lspci -D shows the devices"
            ),
        ),
        (
            "33333333333333333333333333333333",
            (
                "no active guest has the uuid 33333333-3333-3333-3333-333333333333; "
                "virsh list --uuid --name shows the guests"
            ),
        ),
        ("cpu 16", "there is no CPU 16: this host has CPUs 0-15"),
        ("br0", "the netdev br0 stands on no PCI device; ls -l {sys}/class/net shows what it stands on"),
        (
            "3c:ec:ef:00:00:01",
            "the netdev br0 stands on no PCI device; ls -l {sys}/class/net shows what it stands on",
        ),
        (
            "3C-EC-EF-00-00-02",
            (
                "no interface of any active guest, no netdev and no virtual function that netlink shows has the MAC "
                "3c:ec:ef:00:00:02; "
                "ip link shows those of the host"
            ),
        ),
        ("cpu3", "'cpu3' is no CPU, and no active guest has this name: name a CPU as cpu 14"),
        (
            "",
            (
                "'' is no interrupt, PCI address, netdev, MAC or uuid that is there, and no active guest "
                "has this name; virsh list --uuid --name shows the guests"
            ),
        ),
        (
            "\x1b[31m\n",
            (
                "'\\x1b[31m\\x0a' is no interrupt, PCI address, netdev, MAC or uuid that is there, and no active guest "
                "has this name; virsh list --uuid --name shows the guests"
            ),
        ),
    ],
)
def test_what_is_not_there_is_told_with_the_next_step(host: FakeHost, text: str, told: str) -> None:
    host.put(host.sys / "class/net/br0/address", "3c:ec:ef:00:00:01")
    with pytest.raises(UnknownTarget) as error:
        find_target(host.root, two(host), text)
    assert str(error.value) == told.format(proc=host.proc, sys=host.sys)


@pytest.mark.parametrize("text", [GUEST, "instance-0", VF0, "81:00.1", "40", "ens1f0v0", MAC])
def test_a_guest_is_found_through_what_it_alone_has(host: FakeHost, text: str) -> None:
    assert find_guest(host.root, two(host), text) == UUID


def test_only_what_leads_to_a_guest_counts_for_a_guest(host: FakeHost) -> None:
    assert find_guest(host.root, two(host), "16") == OTHER_UUID
    host.add_netdev("web1", VF1)
    guests = seen(host, guest(VF1, name="web1"))
    assert find_guest(host.root, guests, "web1") == UUID, "its name and its device's are one"


def test_a_device_of_two_guests_is_no_name_of_either(host: FakeHost) -> None:
    guests = seen(host, guest(VF0), guest(VF0, name="instance-1", uuid=OTHER))
    for text in (VF0, "40", "ens1f0v0"):
        with pytest.raises(UnknownTarget, match=f"guest {GUEST} .instance-0., guest {OTHER} .instance-1.; name one"):
            find_guest(host.root, guests, text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("16", "no active guest has irq 16; virsh list --uuid --name shows the guests"),
        ("81:00.1", f"no active guest has device {VF1}; virsh list --uuid --name shows the guests"),
        (
            "me",
            "'me' is no interrupt, PCI address, netdev, MAC or uuid that is there, and no active guest has this",
        ),
    ],
)
def test_a_guest_that_is_not_there_is_told(host: FakeHost, text: str, told: str) -> None:
    with pytest.raises(UnknownTarget) as error:
        find_guest(host.root, seen(host, guest(VF0)), text)
    assert str(error.value).startswith(told)


def test_a_guest_that_is_gone_is_found_by_its_uuid(host: FakeHost) -> None:
    assert find_guest(host.root, {}, GUEST, {UUID}) == UUID
    with pytest.raises(UnknownTarget, match=f"no active guest has the uuid {GUEST}; "):
        find_guest(host.root, {}, GUEST)


def test_a_cpu_that_is_offline_is_there_and_no_name_of_a_guest_hides_it(host: FakeHost) -> None:
    host.put(host.sys / "devices/system/cpu/present", "0-17")
    guests = seen(host, guest(VF0, name="cpu 17"), guest(name="cpu 18", uuid=OTHER))
    assert find_target(host.root, guests, "cpu 17") == Cpu(17)
    assert find_target(host.root, guests, "cpu 18") == OTHER_UUID


def test_a_cpu_is_no_guest_and_no_device(host: FakeHost) -> None:
    told = "CPU 2 is no {}: irqaffinity explain cpu 2 shows which guests use it"
    for find, kind in ((find_guest, "guest"), (find_device, "PCI device")):
        with pytest.raises(UnknownTarget) as error:
            find(host.root, two(host), "cpu 2")
        assert str(error.value) == told.format(kind)


@pytest.mark.parametrize("text", [VF0, "41:00.1", "40", "irq 41", "ens1f0v0", GUEST, "instance-0"])
def test_a_device_is_found_through_what_it_alone_has(host: FakeHost, text: str) -> None:
    assert find_device(host.root, seen(host, guest(VF0)), text) == ADDRESS0


def test_the_device_of_an_interrupt_line_is_that_of_its_handler(host: FakeHost) -> None:
    host.add_interrupt(17, "0-15", action="vfio-intx(0000:41:00.1)")
    host.add_interrupt(18, "0-15", action="vfio-intx(0000:41:00.1),vfio-intx(0000:81:00.1),vfio-intx(../x)")
    assert find_device(host.root, {}, "17") == ADDRESS0
    with pytest.raises(UnknownTarget, match=f"device {VF0}, device {VF1}; name one"):
        find_device(host.root, {}, "18")


def test_a_guest_of_several_devices_is_no_name_of_one(host: FakeHost) -> None:
    with pytest.raises(UnknownTarget) as error:
        find_device(host.root, two(host), "instance-0")
    assert str(error.value) == f"'instance-0' means several things: device {VF0}, device {VF1}; {REMEDY}"


@pytest.mark.parametrize(("text", "who"), [("irq 16", "irq 16"), (OTHER, f"guest {OTHER} (16)")])
def test_what_has_no_device_is_told(host: FakeHost, text: str, who: str) -> None:
    with pytest.raises(UnknownTarget) as error:
        find_device(host.root, two(host), text)
    assert str(error.value) == f"{who} has no PCI device; lspci -D shows the devices"
