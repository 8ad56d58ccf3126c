# SPDX-License-Identifier: Apache-2.0
"""The inventory: what sysfs, netlink, the users and device_spec tell, put together."""

import errno
from collections.abc import Collection, Mapping

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Use, UseKind
from irqaffinity.observe.netlink import Link
from irqaffinity.observe.root import HostRoot
from irqaffinity.sriov.inventory import read_inventory
from tests.fakes.host import FakeHost
from tests.fakes.rtnetlink import FakeNetlink, settings_of
from tests.fakes.tree import sriov_host
from tests.unit.observe.test_sriov import NIC, PORT, StubbornHost

MACS = [f"fa:16:3e:00:00:0{index}" for index in range(4)]
VFS = [PciAddress.parse(f"0000:41:02.{index}") for index in range(4)]
LINKS = {
    "ens1f0": Link("02:00:00:00:00:01", True, vfs=dict(enumerate(settings_of(*MACS)))),
    "ens1f1": Link("02:00:00:00:00:02"),
}


def no_netlink(_root: HostRoot) -> None:
    return None


def test_settings_users_and_tags_stand_beside_each_function(host: FakeHost) -> None:
    sriov_host(host)
    specs = (
        *parse_device_spec('{"devname": "ens1f0", "product_id": "1889", "physical_network": "net1"}'),
        *parse_device_spec('{"vendor_id": "8086", "product_id": "a824"}'),
        *parse_device_spec('{"address": "0000:41:00.1", "physical_network": "net2"}'),
    )
    uses = {VFS[1]: Use(UseKind.HOST, name="ens1f0v1"), NIC: Use(UseKind.HOST, name="ens1f0")}
    found = read_inventory(host.root, specs, uses, FakeNetlink(LINKS).open)
    nic, port, nvme = found.pfs
    assert found.notes == ()
    assert [vf.settings for vf in nic.vfs] == settings_of(*MACS)
    assert [vf.use for vf in nic.vfs] == [None, uses[VFS[1]], None, None]
    assert (nic.use, nic.tags, port.tags) == (uses[NIC], {}, {"physical_network": "net2"})
    assert [vf.tags for vf in nic.vfs] == [{"physical_network": "net1"}] * 4
    assert [function.spec for function in (nic, *nic.vfs, port, nvme, *nvme.vfs)] == [None, 1, 1, 1, 1, 3, 2, 2, 2]
    assert [vf.settings for vf in nvme.vfs] == [None, None]


def test_users_are_looked_for_once_all_functions_and_links_are_known(host: FakeHost) -> None:
    sriov_host(host)
    asked = []

    def find(links: Mapping[str, Link] | None, addresses: Collection[PciAddress]) -> Mapping[PciAddress, Use]:
        asked.append((links, list(addresses)))
        return {VFS[3]: Use(UseKind.UNKNOWN, message="no")}

    netlink = FakeNetlink(LINKS)
    found = read_inventory(host.root, (), find, netlink.open)
    (links, addresses), *others = asked
    assert (links, others, netlink.asked) == (LINKS, [], 1)
    assert addresses[:6] == [NIC, *VFS, PORT]
    assert len(addresses) == 9
    assert found.pfs[0].vfs[3].use == Use(UseKind.UNKNOWN, message="no")


def test_without_netlink_the_settings_are_not_known_and_a_note_says_why(host: FakeHost) -> None:
    sriov_host(host)
    for open_links, told in (
        (no_netlink, "another host or network namespace"),
        (FakeNetlink({}, errno.ETIMEDOUT).open, "netlink: no luck"),
    ):
        found = read_inventory(host.root, (), {}, open_links)
        assert {vf.settings for pf in found.pfs for vf in pf.vfs} == {None}
        (note,) = found.notes
        assert told in note


def test_a_device_that_leaves_the_host_takes_its_free_virtual_functions_with_it(host: FakeHost) -> None:
    sriov_host(host)
    process = Use(UseKind.PROCESS, pid=7, process="testpmd")
    guest = Use(UseKind.RESERVED, GuestId("6f1c3b9e-0000-4000-8000-000000000001"), "instance-1", message="later")
    found = read_inventory(host.root, (), {VFS[1]: process, NIC: guest}, no_netlink).pfs[0]
    along = guest._replace(message=f"it goes with its physical function {NIC}; later")
    assert (found.use, [vf.use for vf in found.vfs]) == (guest, [along, process, along, along])


def test_a_device_of_which_nothing_is_known_leaves_its_virtual_functions_only_with_a_netdev(host: FakeHost) -> None:
    sriov_host(host)
    nvme = PciAddress.parse("0000:81:00.0")
    unknown = Use(UseKind.UNKNOWN, message="no")
    nic, _port, drive = read_inventory(host.root, (), dict.fromkeys((NIC, nvme), unknown), no_netlink).pfs
    assert drive.address == nvme
    assert ({vf.use for vf in nic.vfs}, {vf.use for vf in drive.vfs}) == ({None}, {unknown})


def test_a_device_that_cannot_be_read_is_not_free(host: FakeHost) -> None:
    host.put(host.add_physical_function(str(NIC), 0) / "sriov_totalvfs", "-4")
    (found,) = read_inventory(host.root, (), {}, no_netlink).pfs
    assert found.use == Use(UseKind.UNKNOWN, message=found.trouble)


def test_a_device_whose_settings_cannot_be_read_is_named_in_a_note(host: FakeHost) -> None:
    sriov_host(host)
    links = {**LINKS, "ens1f0": Link(trouble="Message too long")}
    found = read_inventory(host.root, (), {}, FakeNetlink(links).open)
    assert found.notes == ("ens1f0: what its virtual functions are set to is not known: Message too long",)


def test_a_host_without_such_devices_is_asked_for_nothing_more(host: FakeHost) -> None:
    netlink = FakeNetlink(LINKS)
    found = read_inventory(host.root, (), {}, netlink.open)
    assert (found.pfs, found.notes, netlink.asked) == ((), (), 0)


def test_a_function_that_cannot_be_read_is_never_free(host: FakeHost) -> None:
    stubborn = StubbornHost(host.proc.parent / "other")
    sriov_host(stubborn)
    stubborn.refused = {("readlink", "41:02.2/driver"): errno.EACCES}
    broken = read_inventory(stubborn.root, (), {}, no_netlink).pfs[0].vfs[2]
    assert broken.use is not None
    assert (broken.use.kind, broken.use.message) == (UseKind.UNKNOWN, broken.trouble)
    owner = Use(UseKind.HOSTDEV, name="instance-1")
    assert read_inventory(stubborn.root, (), {VFS[2]: owner}, no_netlink).pfs[0].vfs[2].use == owner
