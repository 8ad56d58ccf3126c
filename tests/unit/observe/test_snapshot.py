# SPDX-License-Identifier: Apache-2.0
"""One snapshot from libvirt, sysfs and procfs, and what it costs."""

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.demo.domains import domain, hostdev
from irqaffinity.model.guest import ClaimKind, UnreadableGuest
from irqaffinity.model.host import DeviceClaim, HostSnapshot, MsiSource
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.verdict import LeftOutReason
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.guests import read_guests
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.snapshot import observe, read_surroundings
from irqaffinity.observe.sysfs import Details
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus, guest_id

PF, VF, VF2 = "0000:41:00.0", "0000:41:00.1", "0000:41:00.2"
PF_ADDRESS, VF_ADDRESS, VF2_ADDRESS = (PciAddress.parse(address) for address in (PF, VF, VF2))
MDEV = "b4a5d5ea-0000-4000-8000-000000000000"
MACVTAP = "<interface type='direct'><source dev='{}' mode='passthrough'/></interface>"
VDPA = "<interface type='vdpa'><source dev='/dev/{}'/></interface>"
MEDIATED = "<hostdev mode='subsystem' type='mdev'><source><address uuid='{}'/></source></hostdev>"


class PathNotes(FakeHost):
    """A host that notes every path that is opened."""

    def __init__(self, folder: Path) -> None:
        self.paths: list[str] = []
        super().__init__(folder)

    def open(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:
        self.paths.append(path if dir_fd is None else f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{path}")
        return super().open(path, flags, dir_fd=dir_fd)


class OddHost(FakeHost):
    """A host that answers with an errno of `failing` wherever a path ends so."""

    failing: Mapping[str, int] = {}

    def _fail(self, path: str) -> None:
        for ending, code in self.failing.items():
            if path.endswith(ending):
                raise OSError(code, os.strerror(code), path)

    def open(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:
        self._fail(path)
        return super().open(path, flags, dir_fd=dir_fd)

    def stat(self, path: str) -> os.stat_result:
        self._fail(path)
        return super().stat(path)

    def listdir(self, path: str) -> list[str]:
        self._fail(path)
        return super().listdir(path)

    def readlink(self, path: str) -> str:
        self._fail(path)
        return super().readlink(path)


def active(number: int, *devices: str) -> Domain:
    name, uuid = f"instance-{number:08x}", guest_id(number)
    return Domain(uuid, name, domain(name, uuid, ["2", "3"], devices))


def see(host: FakeHost, domains: list[Domain], *arguments: Any, **options: Any) -> HostSnapshot:
    return observe(host.root, read_surroundings(host.root), read_guests(host.root, domains), *arguments, **options)


def test_a_snapshot_holds_guests_claims_devices_and_host(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vectors(VF, [40], "0-15", "5")
    snapshot = see(host, [active(1, hostdev(VF)), active(2)])
    assert [guest.uuid for guest in snapshot.guests] == [guest_id(1), guest_id(2)]
    assert snapshot.claims == {
        guest_id(1): (DeviceClaim(VF_ADDRESS, ClaimKind.HOSTDEV, "vfio-pci"),),
        guest_id(2): (),
    }
    assert [interrupt.number for interrupt in snapshot.devices[VF_ADDRESS].interrupts] == [40]
    assert snapshot.topology.online == cpus("0-15")
    assert snapshot.default_affinity == cpus("0-15")
    assert (snapshot.facts.posted_interrupts, snapshot.facts.msi_source) == (False, MsiSource.POLL)


def test_a_device_that_the_host_does_not_have_is_in_the_snapshot(host: FakeHost) -> None:
    snapshot = see(host, [active(1, hostdev(VF))])
    assert snapshot.devices[VF_ADDRESS].present is False


def test_claims_by_name_are_looked_up(host: FakeHost) -> None:
    for address in (PF, VF, VF2):
        host.add_device(address, 0)
    host.add_netdev("eth1v0", VF)
    host.add_vdpa("vdpa0", "vhost-vdpa-0", VF2)
    host.add_mdev(MDEV, PF)
    claims = [MEDIATED.format(MDEV), MACVTAP.format("eth1v0"), VDPA.format("vhost-vdpa-0")]
    snapshot = see(host, [active(1, *claims)])
    assert set(snapshot.claims[guest_id(1)]) == {
        DeviceClaim(PF_ADDRESS, ClaimKind.MDEV, "vfio-pci"),
        DeviceClaim(VF_ADDRESS, ClaimKind.MACVTAP, "vfio-pci"),
        DeviceClaim(VF2_ADDRESS, ClaimKind.VDPA, "vfio-pci"),
    }
    assert set(snapshot.devices) == {PF_ADDRESS, VF_ADDRESS, VF2_ADDRESS}


@pytest.mark.parametrize("claim", [MACVTAP.format("bond0"), VDPA.format("vhost-vdpa-7"), MEDIATED.format(MDEV)])
def test_what_stands_on_no_pci_device_is_no_device_of_the_guest(host: FakeHost, claim: str) -> None:
    snapshot = see(host, [active(1, claim)])
    assert snapshot.claims == {guest_id(1): ()}
    assert snapshot.devices == {}
    assert [left.reason for left in snapshot.left_out[guest_id(1)]] == [LeftOutReason.UNRESOLVED]


def test_a_claim_that_cannot_be_looked_up_costs_the_guest_no_other(tmp_path: Path) -> None:
    host = OddHost(tmp_path)
    host.add_device(VF, 0)
    host.failing = {"class/net/eth1v0": errno.EACCES}
    snapshot = see(host, [active(1, MACVTAP.format("eth1v0"), hostdev(VF))])
    assert [claim.address for claim in snapshot.claims[guest_id(1)]] == [VF_ADDRESS]
    left = snapshot.left_out[guest_id(1)][0]
    assert (left.element, left.reason) == ("interface type='direct'", LeftOutReason.UNRESOLVED)
    assert "Permission denied" in left.message


def test_a_claim_is_confirmed_with_the_driver_that_the_device_has_when_libvirt_answers(host: FakeHost) -> None:
    host.add_device(VF, 0, driver="iavf")
    host.add_device(VF2, 0, driver=None)
    domains = [active(1, hostdev(VF), hostdev(VF2))]

    def answers() -> Iterator[Domain]:
        yield domains[0]
        (host.device_folder(VF) / "driver").unlink()
        yield active(2, hostdev(VF))

    guests = read_guests(host.root, answers())
    assert [[claim.driver for claim in seen.claims] for seen in guests.values()] == [["iavf", None], [None]]


@pytest.mark.parametrize(
    "code", [errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.EBUSY, errno.ETIMEDOUT, errno.EMFILE]
)
@pytest.mark.parametrize("name", ["msi_irqs", "numa_node", "driver", "physfn", ""])
def test_a_device_whose_files_fail_is_told_and_the_others_are_read(tmp_path: Path, code: int, name: str) -> None:
    host = OddHost(tmp_path)
    for address, number in ((VF, 40), (VF2, 41)):
        host.add_device(address, 0)
        host.add_vectors(address, [number], "0-15")
    host.failing = {f"{VF}/{name}".rstrip("/"): code}
    if not name:
        (host.device_folder(VF) / "msi_irqs/40").unlink()
    snapshot = see(host, [active(1, hostdev(VF), hostdev(VF2))])
    broken = snapshot.devices[VF_ADDRESS]
    assert (broken.present, broken.interrupts) == (True, ())
    assert os.strerror(code) in (broken.trouble or "")
    assert [interrupt.number for interrupt in snapshot.devices[VF2_ADDRESS].interrupts] == [41]
    assert snapshot.devices[VF2_ADDRESS].trouble is None


def test_a_device_that_a_guest_names_twice_is_claimed_once(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vdpa("vdpa0", "vhost-vdpa-0", VF)
    host.add_vdpa("vdpa1", "vhost-vdpa-1", VF)
    snapshot = see(host, [active(1, VDPA.format("vhost-vdpa-0"), VDPA.format("vhost-vdpa-1"))])
    assert snapshot.claims[guest_id(1)] == (DeviceClaim(VF_ADDRESS, ClaimKind.VDPA, "vfio-pci"),)


def test_a_domain_that_cannot_be_read_is_unknown_and_the_others_go_on(host: FakeHost) -> None:
    broken = Domain(guest_id(1), "broken\x1b", "<domain id='1'>")
    silent = Domain(guest_id(2).upper(), "silent", error="libvirt did not answer")
    snapshot = see(host, [broken, silent, active(3)])
    assert [guest.uuid for guest in snapshot.guests] == [guest_id(3)]
    assert [(guest.uuid, guest.name) for guest in snapshot.unreadable] == [
        (guest_id(1), "broken\\x1b"),
        (guest_id(2), "silent"),
    ]
    assert snapshot.unreadable[1] == UnreadableGuest(guest_id(2), "silent", "libvirt did not answer")
    assert "not well-formed" in snapshot.unreadable[0].error


def test_a_domain_that_ended_meanwhile_is_left_out(host: FakeHost) -> None:
    ended = domain("ended", guest_id(1), ["2"]).replace(" id='1'", "")
    snapshot = see(host, [Domain(guest_id(1), "ended", ended)])
    assert (snapshot.guests, snapshot.unreadable, snapshot.claims) == ((), (), {})


def test_devices_of_moved_interrupts_are_read_too(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vectors(VF, [40], "0-15")
    snapshot = see(host, [], moved={VF_ADDRESS: {40}, VF2_ADDRESS: {41}})
    assert [interrupt.number for interrupt in snapshot.devices[VF_ADDRESS].interrupts] == [40]
    assert snapshot.devices[VF2_ADDRESS].present is False


def test_the_names_of_remembered_interrupts_are_read_of_their_device_alone(host: FakeHost) -> None:
    for address, number in ((VF, 40), (VF2, 41)):
        host.add_device(address, 0)
        host.add_vectors(address, [number], "0-15")
    named = [IrqId(VF_ADDRESS, 40), IrqId(VF_ADDRESS, 41)]
    snapshot = see(host, [active(1, hostdev(VF), hostdev(VF2))], named=named)
    assert snapshot.devices[VF_ADDRESS].interrupts[0].action == f"vfio-msix[0]({VF})"
    assert snapshot.devices[VF2_ADDRESS].interrupts[0].action is None


def test_the_details_reach_the_devices(host: FakeHost) -> None:
    host.add_device(VF, 0)
    host.add_vectors(VF, [40], "0-15")
    snapshot = see(host, [active(1, hostdev(VF))], Details(identity=True, vectors=True))
    device = snapshot.devices[VF_ADDRESS]
    assert (device.vendor, device.interrupts[0].hwirq) == ("8086", 0)


def test_a_host_without_sysfs_is_unreadable(host: FakeHost) -> None:
    (host.sys / "devices/system/cpu/online").unlink()
    with pytest.raises(HostUnreadable, match="--sys"):
        see(host, [active(1)])


@pytest.mark.parametrize(("details", "opens"), [(Details(), 2), (Details(vectors=True), 4)])
@pytest.mark.parametrize("count", [1, 16])
def test_each_interrupt_costs_two_opens_and_two_reads_and_two_more_to_spread(
    tmp_path: Path, details: Details, opens: int, count: int
) -> None:
    host = PathNotes(tmp_path)
    host.add_device(VF, 0)
    see(host, [active(1, hostdev(VF))], details)
    line_opens = host.paths.count(f"{host.sys}/bus/pci/devices/{VF}/irq")
    before = (host.opens - line_opens, host.reads - line_opens)

    host.opens = host.reads = 0
    host.add_vectors(VF, range(40, 40 + count), "0-15", "5")
    see(host, [active(1, hostdev(VF))], details)
    assert (host.opens, host.reads) == (before[0] + 1 + opens * count, before[1] + opens * count)


def test_a_pass_opens_the_two_affinity_files_of_its_own_interrupts_once(tmp_path: Path) -> None:
    host = PathNotes(tmp_path)
    host.add_device(VF, 0)
    host.add_device(VF2, 0)
    host.add_vectors(VF, [40, 41], "0-15", "5")
    host.add_vectors(VF2, [42], "0-15", "5")
    host.add_interrupt(16, "0-15", "5")
    see(host, [active(1, hostdev(VF))])
    interrupts = host.proc / "irq"
    assert sorted(path for path in host.paths if path.startswith(f"{interrupts}/4")) == [
        f"{interrupts}/{number}/{name}"
        for number in (40, 41)
        for name in ("effective_affinity_list", "smp_affinity_list")
    ]
    assert f"{host.proc}/interrupts" not in host.paths
    assert not any(path.startswith(f"{interrupts}/16") for path in host.paths)
    assert host.writes == 0


def test_a_device_that_two_elements_name_is_what_the_first_says(host: FakeHost) -> None:
    host.add_device(VF, 0)
    address = hostdev(VF).partition("<source>")[2].partition("</source>")[0]
    disk = f"<disk type='nvme' device='disk'><source type='pci' namespace='1'>{address}</source></disk>"
    snapshot = see(host, [active(1, hostdev(VF), disk)])
    assert [claim.kind for claim in snapshot.claims[guest_id(1)]] == [ClaimKind.HOSTDEV]
