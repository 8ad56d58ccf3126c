# SPDX-License-Identifier: Apache-2.0
"""All that a text may mean, as far as it is there."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import VfSettings
from irqaffinity.model.target import Target
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.find import find_device, find_guest
from irqaffinity.observe.guests import Seen, read_guests
from irqaffinity.observe.meanings import parse_mac, read_target
from irqaffinity.observe.netlink import Link
from tests.fakes.domains import domain, hostdev
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene

UUID, OTHER_UUID = GuestId(GUEST), GuestId(OTHER)
ADDRESS0, ADDRESS1 = PciAddress.parse(VF0), PciAddress.parse(VF1)
PF = "0000:41:00.0"
VMD = "10000:e1:00.0"
MAC = "52:54:00:aa:bb:cc"


def interface(kind: str, source: str = "", mac: str = MAC) -> str:
    return f"<interface type='{kind}'><mac address='{mac}'/>{source}</interface>"


def named(name: str) -> str:
    return (
        "<metadata><nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'>"
        f"<nova:name>{name}</nova:name></nova:instance></metadata>"
    )


def seen(host: FakeHost, *xmls: str) -> Seen:
    uuids = [GUEST, OTHER][: len(xmls)]
    return read_guests(host.root, [Domain(uuid, "", xml) for uuid, xml in zip(uuids, xmls, strict=True)])


def guest(*devices: str, name: str = "instance-0", uuid: str = GUEST, **options: str) -> str:
    elements = [device if device.startswith("<") else hostdev(device) for device in devices]
    return domain(name, uuid, ["2", "3"], elements, **options)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = Scene(tmp_path).host
    made.add_device(PF, 0, driver="ice")
    made.add_netdev("ens1f0", PF)
    made.put(made.device_folder(PF) / "net/ens1f0/address", "3c:ec:ef:00:00:01")
    made.add_device(VMD, 0, driver="nvme")
    made.put(made.sys / "class/net/br0/address", "3c:ec:ef:00:00:01")
    return made


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("40", [40]),
        ("0040", [40]),
        ("irq 40", [40]),
        (VF0, [ADDRESS0]),
        ("41:00.1", [ADDRESS0]),
        ("0000:41:00.1".replace("0000", "00000000"), [ADDRESS0]),
        ("e1:00.0", [PciAddress.parse(VMD)]),
        ("E1:00.0", [PciAddress.parse(VMD)]),
        (VMD, [PciAddress.parse(VMD)]),
        (GUEST, [UUID]),
        (GUEST.replace("-", ""), [UUID]),
        ("ens1f0", [PciAddress.parse(PF)]),
        ("3c:ec:ef:00:00:01", [PciAddress.parse(PF)]),
        ("3C-EC-EF-00-00-01", [PciAddress.parse(PF)]),
        ("3cec.EF00.0001", [PciAddress.parse(PF)]),
        (MAC.upper(), [ADDRESS0]),
        ("instance-0", [UUID]),
        ("web", [UUID]),
    ],
)
def test_what_a_target_may_be(host: FakeHost, text: str, meant: list[Target]) -> None:
    source = "<source><address type='pci' domain='0x0' bus='0x41' slot='0x0' function='0x1'/></source>"
    guests = seen(host, guest(interface("hostdev", source), metadata=named("web")))
    assert read_target(host.root, guests, text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "99",
        "1234567890",
        "٤٠",
        "-40",
        "irq 99",
        "irq x",
        "0000:ff:00.0",
        "ff:00.0",
        "10001:e1:00.0",
        "../../devices/pci0000:00/0000:41:00.0/net/ens1f0",
        "..",
        ".",
        "br0",
        "bonding_masters",
        "ens1f0/../ens1f0",
        "ens1f0\0",
        "\x1b[31m",
        "\udcff",
        OTHER,
        "11111111-1111-1111-1111-11111111111",
        "52:54:00:aa:bb",
        "52:54:00:aa:bb:dd",
        "52-54:00:aa:bb:cc",
        "instance",
        "x" * 100_000,
    ],
)
def test_what_is_not_there_means_nothing(host: FakeHost, text: str) -> None:
    (host.sys / "class/net/bonding_masters").touch()
    guests = seen(host, guest(VF0, metadata=named("")))
    assert read_target(host.root, guests, text) == []


def test_no_path_is_built_from_the_text(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stat(path: str) -> os.stat_result:
        asked.append(path)
        return os.stat(path)

    monkeypatch.setattr(host, "stat", stat)
    for text in ("../../../../etc/passwd", "0000:41:00.1/../0000:41:00.1", "40/..", "..\0"):
        read_target(host.root, seen(host, guest(VF0)), text)
    assert [path for path in asked if ".." in path or "\0" in path or "/etc/" in path] == []


def test_a_short_address_is_that_of_domain_0_or_of_any_one(host: FakeHost) -> None:
    other = "10001:e1:00.0"
    host.add_device(other, 0)
    assert read_target(host.root, {}, "e1:00.0") == [PciAddress.parse(VMD), PciAddress.parse(other)]
    host.add_device("0000:e1:00.0", 0)
    assert read_target(host.root, {}, "e1:00.0") == [PciAddress.parse("0000:e1:00.0")]


def test_a_device_that_a_guest_names_is_there_though_the_host_has_it_not(host: FakeHost) -> None:
    guests = seen(host, guest("0001:99:00.0"))
    for text in ("0001:99:00.0", "99:00.0"):
        assert read_target(host.root, guests, text) == [PciAddress.parse("0001:99:00.0")]


def test_names_that_two_things_have_mean_both(host: FakeHost) -> None:
    both = guest(VF0, metadata=named("web")), guest(VF1, name="40", uuid=OTHER, metadata=named("web"))
    assert read_target(host.root, seen(host, *both), "web") == [UUID, OTHER_UUID]
    assert read_target(host.root, seen(host, *both), "40") == [40, OTHER_UUID]
    host.add_netdev("web", VF1)
    assert read_target(host.root, seen(host, *both), "web") == [ADDRESS1, UUID, OTHER_UUID]


@pytest.mark.parametrize("text", [GUEST, GUEST.upper(), VF0, "irq 40"])
def test_whoever_names_a_guest_cannot_make_a_sure_name_unsure(host: FakeHost, text: str) -> None:
    alone = seen(host, guest(VF0))
    aped = seen(host, guest(VF0), guest(VF1, name=text, uuid=OTHER, metadata=named(text)))
    assert read_target(host.root, aped, text) == read_target(host.root, alone, text)


def test_a_name_is_compared_as_it_is_shown(host: FakeHost) -> None:
    guests = seen(host, guest(VF0, metadata=named("a\u202eb" + "x" * 300)))
    assert read_target(host.root, guests, "a\u202eb" + "x" * 300) == [UUID]
    shown = guests[UUID].readable
    assert shown is not None
    assert read_target(host.root, guests, shown.display_name or "") == [UUID]


def test_two_readings_of_one_device_are_one(host: FakeHost) -> None:
    """A device's netdev that is called after its MAC, and two interfaces of one device that share it."""
    host.add_netdev("ens1f0d1", PF)
    host.put(host.device_folder(PF) / "net/ens1f0d1/address", "3c:ec:ef:00:00:01")
    assert read_target(host.root, {}, "3c:ec:ef:00:00:01") == [PciAddress.parse(PF)]


def test_a_mac_that_a_bond_gave_to_two_devices_means_both(host: FakeHost) -> None:
    host.add_netdev("ens2f0", VF1)
    host.put(host.device_folder(VF1) / "net/ens2f0/address", "3c:ec:ef:00:00:01")
    assert read_target(host.root, {}, "3c:ec:ef:00:00:01") == [PciAddress.parse(PF), ADDRESS1]


def test_a_netdev_whose_address_cannot_be_read_has_none(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path.endswith("/br0/address"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return FakeHost.open(host, path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(host, "open", open_)
    assert read_target(host.root, {}, "3c:ec:ef:00:00:01") == [PciAddress.parse(PF)]


@pytest.mark.parametrize(
    ("element", "meant"),
    [
        (interface("bridge", "<source bridge='br0'/>"), [UUID]),
        (interface("direct", "<source dev='ens1f0' mode='passthrough'/>"), [PciAddress.parse(PF)]),
        (interface("direct", "<source dev='bond0' mode='bridge'/>"), [UUID]),
        (interface("vdpa", "<source dev='/dev/vhost-vdpa-0'/>"), [ADDRESS1]),
        (interface("vdpa", "<source dev='/dev/vhost-vdpa-1'/>"), [UUID]),
        (interface("hostdev", "<source><address type='usb' bus='0' device='2'/></source>"), [UUID]),
    ],
)
def test_a_mac_leads_to_the_device_of_its_interface_or_else_to_the_guest(
    host: FakeHost, element: str, meant: list[Target]
) -> None:
    host.add_vdpa("vdpa0", "vhost-vdpa-0", VF1)
    assert read_target(host.root, seen(host, guest(element)), MAC) == meant


def test_the_netdev_of_a_macvtap_interface_leads_where_its_claim_does(host: FakeHost) -> None:
    guests = seen(host, guest(interface("direct", "<source dev='ens1f0' mode='passthrough'/>")))
    assert read_target(host.root, guests, "ens1f0") == [PciAddress.parse(PF)]
    guests = seen(host, guest(interface("direct", "<source dev='bond0' mode='bridge'/>")))
    assert read_target(host.root, guests, "bond0") == [UUID]


def test_a_claim_that_cannot_be_looked_up_leaves_the_guest(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    guests = seen(host, guest(interface("direct", "<source dev='ens9' mode='passthrough'/>")))

    def readlink(path: str) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(host, "readlink", readlink)
    assert read_target(host.root, guests, MAC) == [UUID]


def test_a_guest_that_cannot_be_read_has_its_name_and_what_was_known_of_it(host: FakeHost) -> None:
    before = seen(host, guest(interface("bridge", "<source bridge='br0'/>"), VF0, metadata=named("web")))
    after = read_guests(host.root, [Domain(GUEST, "instance-0", error="timed out")], before)
    for text in ("instance-0", "web", MAC, GUEST):
        assert read_target(host.root, after, text) == [UUID]
    fresh = read_guests(host.root, [Domain(GUEST, "instance-0", error="timed out")])
    assert read_target(host.root, fresh, "instance-0") == [UUID]
    assert read_target(host.root, fresh, "web") == []


def test_a_guest_that_is_gone_is_meant_by_its_uuid_where_it_is_asked_for(host: FakeHost) -> None:
    assert read_target(host.root, {}, GUEST.upper(), {UUID}) == [UUID]
    assert read_target(host.root, {}, GUEST) == []


@pytest.mark.parametrize(
    "text", ["", "52:54:00:aa:bb:cg", "52:54:00:aa:bb:cc:dd", "525400aabbcc", "5254.00aa:bbcc", "5254.00aa"]
)
def test_what_is_no_mac(text: str) -> None:
    with pytest.raises(ValueError, match="is not a MAC"):
        parse_mac(text)


class Switch:
    """Netlink that tells what MACs the virtual functions of ens1f0 have; it counts how often it is asked."""

    def __init__(self, macs: Mapping[int, str | None], trouble: OSError | None = None) -> None:
        self.macs, self.trouble, self.asked = macs, trouble, 0

    def links(self) -> Mapping[str, Link]:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        vfs = {index: VfSettings(mac=mac) for index, mac in self.macs.items()}
        return {"lo": Link(), "ens1f0": Link(vfs=vfs), "br0": Link(vfs={0: VfSettings(mac=PORT)})}


PORT = "fa:16:3e:00:00:01"
NONE = "00:00:00:00:00:00"


def switch(host: FakeHost, monkeypatch: pytest.MonkeyPatch, macs: Mapping[int, str | None], **given: OSError) -> Switch:
    """Have netlink, of which a host in a folder has none, tell of two virtual functions of the host."""
    made = Switch(macs, **given)
    monkeypatch.setattr("irqaffinity.observe.netlink.open_netlink", lambda root: made if root == host.root else None)
    for index, address in enumerate((VF0, VF1)):
        host.link(host.device_folder(PF) / f"virtfn{index}", host.device_folder(address))
    return made


@pytest.mark.parametrize("text", [PORT, PORT.upper(), PORT.replace(":", "-"), "FA16.3e00.0001"])
def test_the_mac_of_a_port_leads_to_its_virtual_function_and_guest(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """The guest has the function as a hostdev, so that its domain names no MAC."""
    asked = switch(host, monkeypatch, {0: PORT, 1: "fa:16:3e:00:00:02"})
    guests = seen(host, guest(VF0))
    assert read_target(host.root, guests, text) == [ADDRESS0]
    assert find_guest(host.root, guests, text) == UUID
    assert find_device(host.root, {}, text) == ADDRESS0
    assert asked.asked == 3


def test_netlink_is_asked_only_for_a_mac_that_nothing_else_has(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = switch(host, monkeypatch, {0: "3c:ec:ef:00:00:01", 1: MAC})
    guests = seen(host, guest(interface("bridge")))
    for text in ("40", VF0, "ens1f0", "instance-0", "none", "0000:99:00.0", "3c:ec:ef:00:00:01", MAC, NONE):
        read_target(host.root, guests, text)
    assert asked.asked == 0
    assert read_target(host.root, {}, MAC) == [ADDRESS1]


def test_what_netlink_does_not_tell_means_nothing(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = switch(host, monkeypatch, {0: None, 1: NONE, 7: PORT})
    assert read_target(host.root, {}, NONE) == []
    assert asked.asked == 0
    assert read_target(host.root, {}, PORT) == [], "neither the eighth function nor those of br0 are there"
    switch_off = Switch({0: PORT}, TimeoutError("it does not answer"))
    monkeypatch.setattr("irqaffinity.observe.netlink.open_netlink", lambda _root: switch_off)
    assert read_target(host.root, {}, PORT) == []
    monkeypatch.setattr("irqaffinity.observe.netlink.open_netlink", lambda _root: None)
    assert read_target(host.root, {}, PORT) == []


def test_a_host_in_a_folder_is_not_asked_over_netlink(host: FakeHost) -> None:
    assert read_target(host.root, {}, PORT) == []
