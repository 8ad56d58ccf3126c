# SPDX-License-Identifier: Apache-2.0
"""What a draft reads of the host, and what that costs."""

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.guests.life import Lives
from irqaffinity.model.guest import HOST, ClaimKind, Guest, GuestId, UnreadableGuest
from irqaffinity.model.host import DeviceClaim
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Fixed, State
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.verdict import DeviceReason, LeftOutReason, Verdict
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.guests import read_guests
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.observe.surroundings import read_surroundings
from irqaffinity.observe.sysfs import Details
from irqaffinity.passes.draft import Drafter
from irqaffinity.plan.frame import make_frame
from irqaffinity.plan.policy import Distribution, Policy, Scope, WithoutMask
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.scene import GUEST, OTHER, VF0, VF1, Scene
from tests.fakes.snapshots import Snapshot, cpus, guest_id, make_record

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

    def open(self, path: str | bytes, flags: int, *, dir_fd: int | None = None) -> int:
        name = os.fsdecode(path)
        self.paths.append(name if dir_fd is None else f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{name}")
        return super().open(path, flags, dir_fd=dir_fd)


class OddHost(FakeHost):
    """A host that answers with an errno of `failing` wherever a path ends so."""

    failing: Mapping[str, int] = {}

    def _fail(self, path: str) -> None:
        for ending, code in self.failing.items():
            if path.endswith(ending):
                raise OSError(code, os.strerror(code), path)

    def open(self, path: str | bytes, flags: int, *, dir_fd: int | None = None) -> int:
        self._fail(os.fsdecode(path))
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


def see(
    host: FakeHost,
    domains: list[Domain],
    details: Details = Details(),
    moved: Mapping[PciAddress, Iterable[int]] = MappingProxyType({}),
    named: Iterable[IrqId] = (),
) -> Snapshot:
    """Return the host as the draft of a full pass sees it."""
    around, guests = read_surroundings(host.root), read_guests(host.root, domains)
    records = {address: {number: make_record() for number in numbers} for address, numbers in moved.items()}
    state = State(records, {irq: Fixed(f"vfio-msix[0]({irq.device})", Verdict.IMMOVABLE) for irq in named})
    policy = Policy(
        device_specs=parse_device_spec('{"vendor_id": "8086"}') if details.identity else (),
        distribution=Distribution.SPREAD if details.vectors else Distribution.MASK,
    )
    frame = make_frame(around.topology, around.default_affinity, guests, None)
    draft = Drafter(host.root, Lives()).draft(frame, guests, state, policy, Scope())
    return Snapshot(
        around.topology,
        tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, Guest)),
        tuple(seen.guest for seen in guests.values() if isinstance(seen.guest, UnreadableGuest)),
        {uuid: seen.claims for uuid, seen in guests.items()},
        {uuid: seen.left_out for uuid, seen in guests.items() if seen.left_out},
        frozenset(),
        draft.devices,
        around.default_affinity,
    )


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


def test_in_the_pass_of_one_guest_the_others_that_claim_its_devices_are_decided_on_too(scene: Scene) -> None:
    """Interrupts that were moved for a guest that is skipped now stay while another guest claims the device."""
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF0, metadata=nova_metadata("nfv", {"hw:cpu_policy": "shared"}))
    scene.add_guest(VF0, uuid=OTHER, pins=("4", "12"))
    scene.auditor.audit_guest(GuestId(OTHER))
    made = scene.auditor.audit_guest(GuestId(GUEST))
    assert (made.draft.covered, set(made.draft.decisions)) == ((GUEST,), {GUEST, OTHER})
    assert scene.host.smp(40) == "2-3"
    scene.domains.pop()
    scene.auditor.audit_guest(GuestId(OTHER))
    scene.auditor.audit_guest(GuestId(GUEST))
    assert scene.host.smp(40) == "0-15"


def test_a_device_of_a_skipped_guest_that_gives_back_is_told_once(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest(VF0, metadata=nova_metadata("nfv", {"hw:cpu_policy": "shared"}))
    made = scene.auditor.audit()
    (plan,) = made.parts[GuestId(GUEST)].devices
    assert (str(plan.address), plan.guest) == (VF0, GUEST)
    assert scene.host.smp(40) == "0-15"


def test_a_device_narrows_what_is_read_to_its_guests_and_itself(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    made = scene.auditor.audit(Scope(device=PciAddress.parse(VF1)))
    assert (made.draft.covered, set(made.draft.devices)) == ((OTHER,), {PciAddress.parse(VF1)})


def test_a_device_and_a_guest_that_does_not_have_it_cover_nothing(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    with pytest.raises(UnknownTarget):
        scene.audit(Scope(GuestId(GUEST), PciAddress.parse(VF1)))


def test_a_device_that_has_left_all_guests_is_read_in_each_pass_that_may_give_it_back(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    scene.host.refuse(40, errno.EBUSY)
    scene.host.refuse(41, errno.EBUSY)
    del scene.domains[0]
    left = PciAddress.parse(VF0)
    assert set(scene.auditor.audit().draft.devices) >= {left}
    assert left in scene.auditor.audit(Scope(device=left)).draft.devices
    assert left in scene.auditor.look(GuestId(GUEST)).draft.devices
    assert left not in scene.auditor.look(GuestId(OTHER)).draft.devices
    assert left not in scene.auditor.audit(Scope(device=PciAddress.parse(VF1))).draft.devices


def test_a_device_that_a_guest_lost_to_another_waits_for_the_pass_of_that_one(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    scene.add_guest()
    scene.add_guest(VF0, uuid=OTHER, pins=("4", "12"))
    for uuid in (OTHER, GUEST):
        made = scene.auditor.audit_guest(GuestId(uuid))
        assert set(made.draft.devices) == {PciAddress.parse(VF0)}
        assert scene.host.smp(40) == "2-3"
    scene.auditor.look(GuestId(OTHER))
    assert scene.host.smp(40) == "4"
    assert {record.owner for record in scene.store.load().records[PciAddress.parse(VF0)].values()} == {OTHER}


def test_a_guest_whose_device_another_one_claims_is_decided_on_in_every_pass(scene: Scene) -> None:
    scene.add_guest(VF0)
    for _ in range(3):
        made = scene.auditor.audit()
    assert GUEST in made.draft.unchanged
    scene.add_guest(VF0, uuid=OTHER, pins=("4", "12"))
    for _ in range(3):
        made = scene.auditor.audit()
        assert made.draft.unchanged == set()
    assert set(scene.store.load().records[PciAddress.parse(VF0)]) == {40, 41}


def test_a_guest_on_whose_device_something_was_moved_for_another_one_is_decided_on_in_every_pass(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    for _ in range(2):
        scene.audit()
    scene.domains.clear()
    scene.add_masked_guest("9", VF0, VF1, uuid=OTHER, pins=("4", "12"))
    for _ in range(3):
        assert scene.auditor.audit().draft.unchanged == set()
    assert {record.owner for record in scene.store.load().records[PciAddress.parse(VF0)].values()} == {GUEST}


def test_what_was_moved_for_the_host_keeps_no_guest_from_being_unchanged(scene: Scene) -> None:
    scene.auditor.policy = Policy(without_mask=WithoutMask.SKIP)
    scene.add_guest(VF0)
    hosts, held, free = make_record(owner=HOST, action="iavf-0"), PciAddress.parse(VF0), PciAddress.parse(VF1)
    with scene.store.exclusive():
        rows = {IrqId(held, 40): hosts, IrqId(held, 41): hosts, IrqId(free, 50): hosts, DEFAULT: hosts}
        scene.store.save(Changes(rows))
        state = scene.store.load()
        assert set(state.records) == {held, free, DEFAULT.device}
        draft = scene.auditor._making._drafter.draft(
            scene.auditor._sight.frame(scene.auditor.policy), {}, state, scene.auditor.policy, Scope()
        )
    assert (draft.devices, draft.work.changes) == ({}, Changes())
    for _ in range(2):
        draft = scene.auditor.audit().draft
    assert draft.unchanged == {GUEST}
    assert scene.store.load().records[held] == {40: hosts, 41: hosts}


def test_a_guest_that_shares_one_of_its_devices_is_not_unchanged_for_the_others(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    for _ in range(2):
        scene.audit()
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    for _ in range(3):
        assert GUEST not in scene.auditor.audit().draft.unchanged


def test_a_pass_for_a_guest_and_a_device_covers_no_other_claimant(scene: Scene) -> None:
    for uuid in (GUEST, OTHER):
        scene.add_guest(VF0, uuid=uuid)
    made = scene.auditor.audit(Scope(GuestId(GUEST), PciAddress.parse(VF0)))
    assert (made.draft.covered, set(made.draft.decisions)) == ((GUEST,), {GUEST, OTHER})


@pytest.mark.parametrize("is_look", [True, False])
def test_a_guest_that_is_gone_has_ended_while_others_live_on(scene: Scene, is_look: bool) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    scene.audit()
    ended, other = (scene.auditor.lives.of(GuestId(uuid)) for uuid in (GUEST, OTHER))
    scene.host.refuse(40, errno.EBUSY)
    del scene.domains[0]
    if is_look:
        scene.auditor.audit_guest(GuestId(GUEST))
    else:
        scene.auditor.audit()
    assert scene.auditor.lives.get(GuestId(GUEST)) is ended
    assert (ended.seen, ended.decision, ended.readings) == (None, None, {})
    assert other.seen is scene.auditor.guests[GuestId(OTHER)]


def test_what_a_pass_is_made_for_is_in_its_draft(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("4", "12"))
    for _ in range(3):
        made = scene.auditor.audit()
    assert {life.uuid: life.seen for life in scene.auditor.lives if life.uuid != HOST} == made.guests
    assert set(made.draft.covered) == made.draft.unchanged == {GUEST, OTHER}
    assert (made.draft.origins, made.draft.bases) == ({}, {})
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "0-15")
    made = scene.auditor.audit()
    state = scene.auditor._keeper.load()
    assert made.draft.origins == {GUEST: (made.frame, made.guests[GuestId(GUEST)], scene.policy, None)}
    assert set(made.draft.bases) == {GUEST}
    assert made.draft.bases[GuestId(GUEST)][:4] == made.draft.origins[GuestId(GUEST)]
    assert made.draft.bases[GuestId(GUEST)][6:] == state.marks([PciAddress.parse(VF0)])


def test_a_pass_for_a_device_plans_it_alone_whatever_else_its_guest_has(scene: Scene) -> None:
    scene.add_guest(VF0, VF1)
    made = scene.auditor.audit(Scope(device=PciAddress.parse(VF0)))
    assert made.draft.work.planned == {PciAddress.parse(VF0)}


def test_a_device_without_interrupts_is_known_all_the_same(scene: Scene) -> None:
    for number in (50, 51):
        scene.host.remove_interrupt(number)
    scene.add_guest(VF1)
    made = scene.auditor.audit(Scope(GuestId(GUEST), PciAddress.parse(VF1)))
    assert [plan.reason for plan in made.outcome.devices] == [DeviceReason.NO_IRQS]
