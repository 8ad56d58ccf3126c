# SPDX-License-Identifier: Apache-2.0
"""On which CPUs the interrupts of a device belong, or the first reason why on none or on others."""

from typing import Any

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.guest import ClaimKind
from irqaffinity.model.host import DeviceClaim, Topology
from irqaffinity.model.verdict import DeviceReason, Status
from irqaffinity.plan.guests import GuestPlan
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Isolation, Numa, Policy, Serve
from irqaffinity.plan.targets import DevicePlan, plan_device
from tests.fakes.snapshots import NODES, PF, VF, cpus, guest_id, make_device, make_guest

CHOSEN = {0: 2, 1: 3, 2: 10, 3: 11}
OTHER_DEVICE = '{"address": "0000:01:00.0"}'


def decide(
    *,
    kind: ClaimKind = ClaimKind.HOSTDEV,
    chosen: dict[int, int] | None = CHOSEN,
    emulator: str | None = None,
    claimants: int = 1,
    online: str = "0-15",
    nodes: dict[int, str] = NODES,
    spec: str | None = None,
    numa: Numa = Numa.PREFERRED,
    host_driver: HostDriver = HostDriver.SKIP,
    serve: Serve = Serve.VCPUS,
    housekeeping: str | None = None,
    dedicated: str | None = None,
    isolated: str = "",
    mask: str | None = None,
    distribution: Distribution = Distribution.MASK,
    cores: dict[int, int] | None = None,
    claimed_driver: str | None = "vfio-pci",
    **device: Any,
) -> DevicePlan:
    guest = make_guest(1, kind=kind, emulator=None if emulator is None else cpus(emulator))
    status = Status.MASK_INVALID if chosen is None else Status.PLACED
    return plan_device(
        DeviceClaim(VF, kind, claimed_driver),
        make_device(**{"numbers": [40, 41], **device}),
        guest,
        GuestPlan(guest.uuid, guest.name, status, guest.vcpus, mask, chosen=chosen),
        [guest_id(number + 1) for number in range(claimants)],
        Topology(
            cpus(online),
            {node: cpus(text) for node, text in nodes.items()},
            cores=cores or {},
            isolated=cpus(isolated),
        ),
        Policy(
            numa=numa,
            distribution=distribution,
            host_driver=HostDrivers.both(host_driver),
            serve=serve,
            dedicated_cpus=None if dedicated is None else cpus(dedicated),
            device_specs=() if spec is None else tuple(parse_device_spec(spec)),
            isolation=Isolation(housekeeping_cpus=None if housekeeping is None else cpus(housekeeping)),
        ),
    )


def test_the_target_is_the_chosen_cpus_on_the_node_of_the_device() -> None:
    plan = decide(numa_node=1)
    assert (plan.target, plan.order, plan.vcpus) == (cpus("10-11"), (10, 11), cpus("2-3"))
    assert (plan.guest, plan.numa_node, plan.driver, plan.kind) == (guest_id(1), 1, "vfio-pci", ClaimKind.HOSTDEV)
    assert (plan.reason, plan.message) == (None, None)


def test_the_order_is_that_of_the_vcpus() -> None:
    assert decide(chosen={0: 3, 1: 10, 2: 2}).order == (3, 2)


@pytest.mark.parametrize(
    ("case", "target", "reason"),
    [
        ({"chosen": {0: 2, 1: 3}, "numa_node": 1}, "2-3", DeviceReason.REMOTE_NODE),
        ({"chosen": {0: 2, 1: 3}, "numa_node": 1, "numa": Numa.STRICT}, None, DeviceReason.NODE_STRICT),
        ({"numa_node": 1, "numa": Numa.STRICT}, "10-11", None),
        ({"numa_node": None}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"numa_node": -1}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"numa_node": 5}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"numa_node": None, "numa": Numa.STRICT}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"nodes": {}}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"nodes": {0: "", 1: "0-15"}}, "2-3,10-11", DeviceReason.NO_NODE),
        ({"nodes": {0: "4-7", 1: "0-3,8-15"}}, "2-3,10-11", DeviceReason.REMOTE_NODE),
        ({"online": "0-2,8-15"}, "2", None),
        ({"online": "8-15"}, "10-11", DeviceReason.REMOTE_NODE),
        ({"online": "8-15", "numa": Numa.STRICT}, None, DeviceReason.NODE_STRICT),
        ({"online": "0-1,11"}, "11", DeviceReason.REMOTE_NODE),
        ({"online": "0-1,11", "numa_node": -1}, "11", DeviceReason.NO_NODE),
        ({"online": "0-1"}, None, DeviceReason.NO_ONLINE_CPU),
        ({"online": "0-1", "numa_node": None}, None, DeviceReason.NO_ONLINE_CPU),
    ],
)
def test_node_and_online_cpus_narrow_the_target(
    case: dict[str, Any], target: str | None, reason: DeviceReason | None
) -> None:
    plan = decide(**case)
    assert plan.target == (None if target is None else cpus(target))
    assert plan.order == tuple(plan.target or ())
    assert plan.reason is reason
    assert (plan.message or "").startswith("" if reason is None else reason.sentence)


MACVTAP = {"kind": ClaimKind.MACVTAP, "parent": PF, "host_driver": HostDriver.VCPU}
HOSTDEV_CASES: list[tuple[DeviceReason | None, dict[str, Any]]] = [
    (DeviceReason.NOT_IN_DEVICE_SPEC, {"spec": OTHER_DEVICE, "trouble": None}),
    (DeviceReason.NOT_FOUND, {"present": False}),
    (DeviceReason.UNREADABLE, {"trouble": "msi_irqs: Permission denied"}),
    (DeviceReason.NVME_DISK, {"kind": ClaimKind.NVME}),
    (DeviceReason.CLAIMED_TWICE, {"claimants": 2}),
    (None, {"chosen": None}),
    (None, {"claimed_driver": "iavf"}),
    (DeviceReason.NO_IRQS, {"numbers": []}),
    (DeviceReason.NO_ONLINE_CPU, {"online": "0"}),
]
MACVTAP_CASES: list[tuple[DeviceReason | None, dict[str, Any]]] = [
    (DeviceReason.NOT_IN_DEVICE_SPEC, {"spec": OTHER_DEVICE}),
    (DeviceReason.NOT_FOUND, {"present": False}),
    (DeviceReason.CLAIMED_TWICE, {"claimants": 2}),
    (DeviceReason.SHARED_PARENT, {"parent": None}),
    (DeviceReason.HOST_DRIVER, {"host_driver": HostDriver.SKIP}),
    (None, {"chosen": None}),
    (DeviceReason.SHARED_INTX, {"numbers": [], "shares_line": True}),
    (DeviceReason.NODE_STRICT, {"numa": Numa.STRICT, "nodes": {0: "0-1", 1: "2-15"}}),
]
MDEV_CASES: list[tuple[DeviceReason | None, dict[str, Any]]] = [
    (DeviceReason.NOT_IN_DEVICE_SPEC, {"spec": OTHER_DEVICE}),
    (DeviceReason.MDEV, {"kind": ClaimKind.MDEV, "present": False, "claimants": 2, "chosen": None, "numbers": []}),
]


@pytest.mark.parametrize(
    ("base", "cases"), [({}, HOSTDEV_CASES), (MACVTAP, MACVTAP_CASES), ({"kind": ClaimKind.MDEV}, MDEV_CASES)]
)
def test_the_first_reason_that_applies_stands(
    base: dict[str, Any], cases: list[tuple[DeviceReason | None, dict[str, Any]]]
) -> None:
    found = []
    for first in range(len(cases)):
        merged = dict(base)
        for _, case in reversed(cases[first:]):
            merged.update(case)
        plan = decide(**merged)
        assert plan.target is None
        found.append(plan.reason)
    assert found == [reason for reason, _ in cases]


def test_of_a_device_that_cannot_be_read_nobody_knows_whether_a_spec_includes_it() -> None:
    plan = decide(spec=OTHER_DEVICE, trouble="msi_irqs: Permission denied")
    assert plan.reason is DeviceReason.UNREADABLE
    assert "msi_irqs: Permission denied" in (plan.message or "")


def test_under_another_driver_than_libvirt_was_asked_about_a_device_has_no_target() -> None:
    plan = decide(claimed_driver="vfio-pci", driver="iavf")
    assert (plan.target, plan.reason, plan.is_unconfirmed) == (None, None, True)
    assert plan.message == "its driver is iavf, and was vfio-pci when libvirt was asked"
    assert not decide().is_unconfirmed


@pytest.mark.parametrize(("shares_line", "reason"), [(False, DeviceReason.NO_IRQS), (True, DeviceReason.SHARED_INTX)])
def test_a_device_without_interrupts_of_its_own(shares_line: bool, reason: DeviceReason) -> None:
    assert decide(numbers=[], shares_line=shares_line).reason is reason


@pytest.mark.parametrize("kind", [ClaimKind.HOSTDEV, ClaimKind.INTERFACE])
def test_vfio_devices_need_neither_a_parent_nor_a_host_driver_policy(kind: ClaimKind) -> None:
    assert decide(kind=kind, parent=None, host_driver=HostDriver.SKIP).target == cpus("2-3")


@pytest.mark.parametrize("kind", [ClaimKind.MACVTAP, ClaimKind.VDPA])
@pytest.mark.parametrize(
    ("case", "target", "reason"),
    [
        ({"host_driver": HostDriver.SKIP, "emulator": "4-5"}, None, DeviceReason.HOST_DRIVER),
        ({"host_driver": HostDriver.VCPU, "emulator": "4-5"}, "2-3", None),
        ({"host_driver": HostDriver.EMULATOR, "emulator": "4-5,12"}, "4-5", None),
        ({"host_driver": HostDriver.EMULATOR, "emulator": "4-5,12", "online": "0-4,8-15"}, "4", None),
        ({"host_driver": HostDriver.EMULATOR, "emulator": "12"}, "12", DeviceReason.REMOTE_NODE),
        ({"host_driver": HostDriver.EMULATOR, "emulator": "12", "numa": Numa.STRICT}, None, DeviceReason.NODE_STRICT),
        ({"host_driver": HostDriver.EMULATOR, "emulator": None}, None, DeviceReason.HOST_DRIVER),
        ({"host_driver": HostDriver.EMULATOR, "emulator": "4", "parent": None}, None, DeviceReason.SHARED_PARENT),
        ({"host_driver": HostDriver.VCPU, "parent": None}, None, DeviceReason.SHARED_PARENT),
        ({"host_driver": HostDriver.VCPU, "claimants": 2}, None, DeviceReason.CLAIMED_TWICE),
    ],
)
def test_a_device_of_a_host_driver_goes_where_the_operator_says(
    kind: ClaimKind, case: dict[str, Any], target: str | None, reason: DeviceReason | None
) -> None:
    plan = decide(**{"kind": kind, "parent": PF, **case})
    assert plan.target == (None if target is None else cpus(target))
    assert plan.reason is reason


def test_emulator_cpus_are_no_vcpus() -> None:
    plan = decide(kind=ClaimKind.VDPA, parent=PF, host_driver=HostDriver.EMULATOR, emulator="4-5")
    assert (plan.order, plan.vcpus) == ((4, 5), None)


EMULATOR: dict[str, Any] = {"serve": Serve.EMULATOR, "emulator": "4-5,12"}
HOUSEKEEPING: dict[str, Any] = {"serve": Serve.HOUSEKEEPING, "housekeeping": "0-1,8"}


@pytest.mark.parametrize("kind", [ClaimKind.HOSTDEV, ClaimKind.INTERFACE])
@pytest.mark.parametrize(
    ("case", "target", "reason"),
    [
        (EMULATOR, "4-5", None),
        (EMULATOR | {"numa_node": 1}, "12", None),
        (EMULATOR | {"online": "0-4,8-15"}, "4", None),
        (EMULATOR | {"online": "0-3,8-15"}, "12", DeviceReason.REMOTE_NODE),
        (EMULATOR | {"online": "0-3,8-11"}, None, DeviceReason.NO_ONLINE_CPU),
        (EMULATOR | {"emulator": "12", "numa": Numa.STRICT}, None, DeviceReason.NODE_STRICT),
        (EMULATOR | {"numa_node": None}, "4-5,12", DeviceReason.NO_NODE),
        (EMULATOR | {"emulator": None}, None, DeviceReason.NO_EMULATORPIN),
        (EMULATOR | {"emulator": None, "numa_node": None}, None, DeviceReason.NO_EMULATORPIN),
        (EMULATOR | {"emulator": None, "numbers": []}, None, DeviceReason.NO_IRQS),
        (EMULATOR | {"emulator": None, "chosen": None}, None, None),
        (EMULATOR | {"emulator": None, "mask": "0-3"}, "2-3", None),
        (EMULATOR | {"mask": "0-3"}, "2-3", None),
        (HOUSEKEEPING, "0-1", None),
        (HOUSEKEEPING | {"numa_node": 1}, "8", None),
        (HOUSEKEEPING | {"online": "1-15"}, "1", None),
        (HOUSEKEEPING | {"isolated": "1-7"}, "0", None),
        (HOUSEKEEPING | {"isolated": "0-7"}, "8", DeviceReason.REMOTE_NODE),
        (HOUSEKEEPING | {"isolated": "0-7", "numa": Numa.STRICT}, None, DeviceReason.NODE_STRICT),
        (HOUSEKEEPING | {"online": "2-7,9-15"}, None, DeviceReason.NO_HOUSEKEEPING),
        (HOUSEKEEPING | {"housekeeping": None}, None, DeviceReason.NO_HOUSEKEEPING),
        (HOUSEKEEPING | {"housekeeping": None, "dedicated": "2-15"}, "0-1", None),
        (HOUSEKEEPING | {"housekeeping": None, "mask": "0-3"}, "2-3", None),
    ],
)
def test_without_a_mask_a_vfio_device_goes_where_the_operator_says(
    kind: ClaimKind, case: dict[str, Any], target: str | None, reason: DeviceReason | None
) -> None:
    plan = decide(**{"kind": kind, **case})
    assert plan.target == (None if target is None else cpus(target))
    assert plan.birthplace == plan.target
    assert plan.reason is reason
    assert (plan.message or "").startswith("" if reason is None else reason.sentence)
    is_vcpus = case.get("mask") is not None
    assert plan.serve is (Serve.VCPUS if is_vcpus else case["serve"])
    assert plan.vcpus == (cpus("0-1") if is_vcpus else None)


@pytest.mark.parametrize(("case", "birthplace"), [(EMULATOR, "4-5"), (HOUSEKEEPING, "0-1"), ({}, "2-3")])
def test_a_device_without_an_interrupt_has_a_place_for_the_first_one(case: dict[str, Any], birthplace: str) -> None:
    plan = decide(numbers=[], **case)
    assert (plan.target, plan.birthplace, plan.reason) == (None, cpus(birthplace), DeviceReason.NO_IRQS)


@pytest.mark.parametrize("kind", [ClaimKind.MACVTAP, ClaimKind.VDPA])
@pytest.mark.parametrize("serve", Serve)
def test_serve_does_not_touch_devices_of_a_host_driver(kind: ClaimKind, serve: Serve) -> None:
    options: dict[str, Any] = {"kind": kind, "parent": PF, "emulator": "4-5", "housekeeping": "0-1", "serve": serve}
    assert decide(host_driver=HostDriver.VCPU, **options).target == cpus("2-3")
    assert decide(host_driver=HostDriver.EMULATOR, **options).target == cpus("4-5")
    assert decide(host_driver=HostDriver.SKIP, **options).reason is DeviceReason.HOST_DRIVER


def test_spread_gives_out_one_cpu_of_each_core_first() -> None:
    chosen, cores = {0: 2, 1: 3, 2: 4, 3: 5}, {2: 0, 3: 0, 4: 1, 5: 1}
    assert decide(chosen=chosen, cores=cores, distribution=Distribution.SPREAD).order == (2, 4, 3, 5)
    assert decide(chosen=chosen, distribution=Distribution.SPREAD).order == (2, 3, 4, 5)
    assert decide(chosen=chosen, cores=cores).order == (2, 3, 4, 5)


def test_host_driver_policy_does_not_touch_vfio_devices() -> None:
    plan = decide(parent=PF, host_driver=HostDriver.EMULATOR, emulator="4-5")
    assert plan.target == cpus("2-3")


def test_a_device_claimed_twice_names_the_other_guest() -> None:
    message = decide(claimants=2).message or ""
    assert guest_id(2) in message
    assert guest_id(1) not in message


def test_the_first_spec_that_matches_gives_its_tags() -> None:
    specs = '[{"address": "0000:01:00.0", "role": "a"}, {"address": "*:41:00.*", "role": "b"}, {"role": "c"}]'
    plan = decide(spec=specs)
    assert (plan.tags, plan.target) == ({"role": "b"}, cpus("2-3"))


def test_tags_are_kept_where_there_is_no_target() -> None:
    assert decide(spec='{"address": "*:41:00.*", "role": "b"}', numbers=[]).tags == {"role": "b"}


def test_a_device_outside_the_spec_has_no_tags() -> None:
    plan = decide(spec='{"address": "0000:01:00.0", "role": "a"}')
    assert (plan.reason, plan.tags) == (DeviceReason.NOT_IN_DEVICE_SPEC, {})
