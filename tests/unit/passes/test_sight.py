# SPDX-License-Identifier: Apache-2.0
"""What stays the same object between two passes, and what makes it another."""

from collections.abc import Callable

import pytest

from irqaffinity.model.guest import HOST, GuestId
from irqaffinity.model.irq import DEFAULT
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Changes, Record, State
from irqaffinity.observe.domain import Domain
from irqaffinity.observe.guests import read_guests
from irqaffinity.observe.root import HostUnreadable
from irqaffinity.passes.sight import Sight
from irqaffinity.plan.frame import Frame
from irqaffinity.plan.policy import Distribution, Isolation, IsolationMode, Numa, Policy, Profile, Serve
from tests.fakes.domains import domain, hostdev, nova_metadata
from tests.fakes.host import FakeHost
from tests.fakes.snapshots import cpus, guest_id

VF0, VF1 = "0000:41:00.1", "0000:41:00.2"
A, B = guest_id(1), guest_id(2)
POLICY = Policy()


def active(uuid: GuestId, pins: tuple[str, ...] = ("2", "3"), *devices: str) -> Domain:
    metadata = nova_metadata("nfv", {"hw:cpu_policy": "dedicated"})
    return Domain(uuid, "vm", domain("vm", uuid, pins, [hostdev(device) for device in devices], metadata=metadata))


class Seeing:
    """Guests A and B, who have a device each, as they were seen last."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host
        self.domains = {A: active(A, ("2", "3"), VF0), B: active(B, ("4", "5"), VF1)}
        for device in (VF0, VF1):
            host.add_device(device, 0)
        self.sight = Sight(host.root)
        self.see()
        self.frame = self.sight.frame(POLICY)

    def see(self) -> None:
        """Take all guests anew."""
        self.sight.see(read_guests(self.host.root, self.domains.values(), self.sight.guests))

    def see_one(self, uuid: GuestId) -> None:
        """Take one guest anew."""
        self.sight.see_one(uuid, self.domains.get(uuid))

    @property
    def has_same_frame(self) -> bool:
        return self.sight.frame(POLICY) is self.frame


@pytest.fixture
def seeing(host: FakeHost) -> Seeing:
    return Seeing(host)


def test_nothing_is_known_of_a_host_that_was_not_looked_at(host: FakeHost) -> None:
    sight = Sight(host.root)
    assert (sight.guests, sight.facts.posted_interrupts) == ({}, False)


def test_a_default_that_the_program_narrowed_changes_no_frame(seeing: Seeing) -> None:
    narrowed = Record(HOST, None, cpus("0-15"), cpus("0-1"), action="")
    state = State({DEFAULT.device: {DEFAULT.number: narrowed}})
    seeing.host.put(seeing.host.proc / "irq/default_smp_affinity", "3")
    for given in (state, None):
        seeing.sight.look_around_again()
        assert seeing.sight.frame(POLICY, given) is seeing.frame
    state.apply(Changes({DEFAULT: None}))
    assert seeing.sight.frame(POLICY, state).default_affinity == cpus("0-1")
    seeing.host.put(seeing.host.proc / "irq/default_smp_affinity", "ff")
    seeing.sight.look_around_again()
    assert seeing.sight.frame(POLICY, state).default_affinity == cpus("0-7")


def test_the_frame_is_made_of_the_guests_and_the_host(seeing: Seeing) -> None:
    frame = seeing.sight.frame(Policy(dedicated_cpus=cpus("3-15")))
    assert set(frame.claimants) == {PciAddress.parse(VF0), PciAddress.parse(VF1)}
    assert (frame.topology.online, frame.default_affinity) == (cpus("0-15"), cpus("0-15"))


def test_facts_are_those_of_the_last_look(seeing: Seeing) -> None:
    for path, text in (
        ("module/kvm_intel/parameters/enable_apicv", "Y"),
        ("class/iommu/dmar0/intel-iommu/cap", f"{1 << 59:x}"),
    ):
        seeing.host.put(seeing.host.sys / path, text)
    assert not seeing.sight.facts.posted_interrupts
    seeing.sight.look_around_again()
    seeing.sight.frame(POLICY)
    assert seeing.sight.facts.posted_interrupts


def test_guests_that_are_as_before_are_the_same_objects(seeing: Seeing) -> None:
    guests, seen = seeing.sight.guests, seeing.sight.guests[A]
    seeing.see()
    seeing.see_one(A)
    assert seeing.sight.guests is guests
    assert seeing.sight.guests[A] is seen
    assert seeing.has_same_frame


def test_the_others_stay_the_same_objects_when_one_changes(seeing: Seeing) -> None:
    seen = seeing.sight.guests[B]
    seeing.domains[A] = active(A, ("6", "7"), VF0)
    seeing.see()
    assert seeing.sight.guests[B] is seen


CHANGES: dict[str, Callable[[dict[GuestId, Domain]], object]] = {
    "pins": lambda domains: domains.update({A: active(A, ("2", "6"), VF0)}),
    "devices": lambda domains: domains.update({A: active(A, ("2", "3"), VF0, VF1)}),
    "unreadable": lambda domains: domains.update({A: Domain(A, "vm", error="busy")}),
    "gone": lambda domains: domains.pop(A),
}


@pytest.mark.parametrize("one", [True, False], ids=["see_one", "see"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_matters_to_others_makes_another_frame(
    seeing: Seeing, change: Callable[[dict[GuestId, Domain]], object], one: bool
) -> None:
    guests = seeing.sight.guests
    change(seeing.domains)
    if one:
        seeing.see_one(A)
    else:
        seeing.see()
    assert not seeing.has_same_frame
    assert seeing.sight.guests is not guests
    assert seeing.sight.guests.keys() == seeing.domains.keys()
    assert seeing.sight.guests.get(A) != guests[A]


def test_a_name_that_leads_to_another_device_makes_another_frame(seeing: Seeing) -> None:
    """The domain says the same as before."""
    macvtap = "<interface type='direct'><source dev='vf0' mode='passthrough'/></interface>"
    seeing.domains[A] = Domain(A, "vm", domain("vm", A, ("2", "3"), [macvtap]))
    seeing.host.add_netdev("vf0", VF0)
    seeing.see()
    before = seeing.sight.frame(POLICY)
    (seeing.host.sys / "class/net/vf0").unlink()
    seeing.host.add_netdev("vf0", VF1)
    seeing.see_one(A)
    assert (
        PciAddress.parse(VF0) in before.claimants,
        PciAddress.parse(VF0) in seeing.sight.frame(POLICY).claimants,
    ) == (
        True,
        False,
    )


def test_a_guest_that_changes_keeps_its_place_among_the_others(seeing: Seeing) -> None:
    seeing.domains[A] = active(A, ("6", "7"), VF0)
    seeing.see_one(A)
    assert list(seeing.sight.guests) == [A, B]


@pytest.mark.parametrize("one", [True, False], ids=["see_one", "see"])
def test_a_new_guest_makes_another_frame(seeing: Seeing, one: bool) -> None:
    uuid = guest_id(3)
    seeing.domains[uuid] = active(uuid, ("8",))
    if one:
        seeing.see_one(uuid)
    else:
        seeing.see()
    assert not seeing.has_same_frame
    assert list(seeing.sight.guests) == [A, B, uuid]


@pytest.mark.parametrize("one", [True, False], ids=["see_one", "see"])
def test_how_a_device_is_bound_is_the_matter_of_its_guest_alone(seeing: Seeing, one: bool) -> None:
    before = seeing.sight.guests
    link = seeing.host.device_folder(VF0) / "driver"
    link.unlink()
    seeing.host.link(link, seeing.host.driver_folder("mlx5_vfio_pci"))
    if one:
        seeing.see_one(A)
    else:
        seeing.see()
    assert seeing.has_same_frame
    assert seeing.sight.guests[A].claims[0].driver == "mlx5_vfio_pci"
    assert before[A].claims[0].driver == "vfio-pci"
    assert seeing.sight.guests[B] is before[B]


def test_a_guest_that_may_have_more_devices_makes_another_frame(seeing: Seeing) -> None:
    macvtap = "<interface type='direct'><source dev='vf0' mode='passthrough'/></interface>"
    seeing.domains[A] = Domain(A, "vm", domain("vm", A, ("2", "3"), [hostdev(VF0), macvtap]))
    seeing.see()
    before = seeing.sight.frame(POLICY)

    def fail(_call: str, path: str) -> None:
        if path.endswith("class/net/vf0"):
            raise OSError(24, "Too many open files", path)

    seeing.host.called = fail  # type: ignore[method-assign]
    seeing.see_one(A)
    assert seeing.sight.frame(POLICY) is not before
    assert seeing.sight.frame(POLICY).unknown == {A}


def test_doubt_is_about_each_claim_of_the_device_and_no_other(seeing: Seeing) -> None:
    seeing.domains[B] = active(B, ("4", "5"), VF1, VF0)
    seeing.see()
    frame = seeing.sight.frame(POLICY)
    seeing.sight.doubt(PciAddress.parse(VF0))
    doubted = {
        (uuid, str(claim.address)): claim.is_doubted
        for uuid, seen in seeing.sight.guests.items()
        for claim in seen.claims
    }
    assert doubted == {(A, VF0): True, (B, VF0): True, (B, VF1): False}
    assert seeing.sight.frame(POLICY) is frame
    guests = seeing.sight.guests
    seeing.sight.doubt(PciAddress.parse(VF0))
    seeing.sight.doubt(PciAddress.parse("0000:99:00.0"))
    assert seeing.sight.guests is guests


def test_a_guest_that_libvirt_names_again_is_in_doubt_no_longer(seeing: Seeing) -> None:
    seeing.sight.doubt(PciAddress.parse(VF0))
    seeing.see_one(A)
    assert not seeing.sight.guests[A].claims[0].is_doubted


def put_online(seeing: Seeing, online: str) -> None:
    seeing.host.put(seeing.host.sys / "devices/system/cpu/online", online)


def test_cpus_are_read_again_only_when_that_is_asked_for(seeing: Seeing) -> None:
    put_online(seeing, "0-7")
    assert seeing.has_same_frame
    seeing.sight.look_around_again()
    frame = seeing.sight.frame(POLICY)
    assert frame.topology.online == cpus("0-7")
    put_online(seeing, "0-3")
    assert seeing.sight.frame(POLICY) is frame


def test_a_host_that_is_as_before_keeps_its_frame(seeing: Seeing) -> None:
    seeing.sight.look_around_again()
    assert seeing.has_same_frame


def test_another_default_affinity_makes_another_frame(seeing: Seeing) -> None:
    seeing.host.put(seeing.host.proc / "irq/default_smp_affinity", "ff")
    seeing.sight.look_around_again()
    assert seeing.sight.frame(POLICY).default_affinity == cpus("0-7")


def test_another_policy_makes_another_frame_and_reads_what_it_needs(seeing: Seeing) -> None:
    seeing.host.put(seeing.host.sys / "devices/system/cpu/cpu2/topology/physical_package_id", "1")
    assert seeing.sight.frame(Policy()) is not seeing.frame
    for policy in (Policy(numa=Numa.SOCKET), Policy(profiles=(Profile({"a": 1}, numa=Numa.SOCKET),))):
        sockets: Frame = seeing.sight.frame(policy)
        assert (sockets.topology.sockets, seeing.frame.topology.sockets) == ({2: 1}, {})


@pytest.mark.parametrize(
    ("policy", "has_cores", "isolated"),
    [
        (Policy(), False, "4-5"),
        (Policy(isolation=Isolation(IsolationMode.OFF)), False, ""),
        (Policy(isolation=Isolation(IsolationMode.OFF), serve=Serve.HOUSEKEEPING), False, "4-5"),
        (Policy(isolation=Isolation(IsolationMode.ENFORCE)), False, "4-5"),
        (Policy(distribution=Distribution.SPREAD), True, "4-5"),
        (Policy(profiles=(Profile({"a": 1}, distribution=Distribution.SPREAD),)), True, "4-5"),
        (Policy(isolation=Isolation(IsolationMode.OFF), profiles=(Profile({"a": 1}),)), False, ""),
        (
            Policy(isolation=Isolation(IsolationMode.OFF), profiles=(Profile({"a": 1}, serve=Serve.HOUSEKEEPING),)),
            False,
            "4-5",
        ),
    ],
)
def test_cores_and_isolated_cpus_are_read_for_the_options_that_need_them(
    seeing: Seeing, policy: Policy, has_cores: bool, isolated: str
) -> None:
    folder = seeing.host.sys / "devices/system/cpu"
    seeing.host.put(folder / "isolated", "4-5")
    seeing.host.put(folder / "cpu2/topology/thread_siblings_list", "2-3")
    seeing.host.put(folder / "cpu2/cache/index2/level", "2")
    seeing.host.put(folder / "cpu2/cache/index2/shared_cpu_list", "2-5")
    topology = seeing.sight.frame(policy).topology
    assert topology.cores == ({2: 2, 3: 2} if has_cores else {})
    assert topology.caches == ({2: 2, 3: 2, 4: 2, 5: 2} if has_cores else {})
    assert topology.isolated == cpus(isolated)


def test_the_dedicated_cpus_of_the_policy_count(seeing: Seeing) -> None:
    narrow = seeing.sight.frame(Policy(dedicated_cpus=cpus("2,4")))
    assert (set(narrow.occupancy.by_policy), set(seeing.frame.occupancy.by_policy)) == ({2, 4}, {2, 3, 4, 5})


def test_a_host_that_cannot_be_read_is_read_again_at_the_next_frame(seeing: Seeing) -> None:
    online = seeing.host.sys / "devices/system/cpu/online"
    online.unlink()
    seeing.sight.look_around_again()
    for _ in range(2):
        with pytest.raises(HostUnreadable):
            seeing.sight.frame(POLICY)
    put_online(seeing, "0-7")
    assert seeing.sight.frame(POLICY).topology.online == cpus("0-7")


@pytest.mark.parametrize("missing", ["proc/irq/default_smp_affinity", "sys/bus/pci/devices"])
def test_guests_are_not_taken_from_a_host_on_which_their_devices_cannot_be_looked_up(
    seeing: Seeing, missing: str
) -> None:
    path = seeing.host.proc.parent / missing
    path.rename(seeing.host.proc.parent / "away")
    guests = seeing.sight.guests
    del seeing.domains[A]
    with pytest.raises(HostUnreadable):
        seeing.see()
    with pytest.raises(HostUnreadable):
        seeing.see_one(A)
    assert seeing.sight.guests is guests
