# SPDX-License-Identifier: Apache-2.0
"""Each word of the report is reached by a host that deserves it, stands in the JSON, and has its place in the guide."""

import errno
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.guests.cause import HOST_TABLE, TABLE
from irqaffinity.guests.pace import EVENTS
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.record import RememberedSpecs, State
from irqaffinity.model.verdict import Cause, DeviceReason, GuestReason, IrqReason, LeftOutReason, Status, Term, Verdict
from irqaffinity.observe.moment import read_moment
from irqaffinity.passes.holds import add_hold
from irqaffinity.plan.guests import MaskSource
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Isolation, Numa, Policy, Serve, WithoutMask
from irqaffinity.report.outcome import Outcome
from irqaffinity.report.table import describe_target
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import GUEST, IRQS1, OTHER, VF0, VF1, Scene, document

Make = Callable[[Scene], Outcome]

MACVTAP = "<interface type='direct'><source dev='vf0' mode='passthrough'/></interface>"
MDEV_UUID = "99999999-9999-9999-9999-999999999999"
MDEV = (
    f"<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address uuid='{MDEV_UUID}'/></source></hostdev>"
)
NVME = (
    "<disk type='nvme' device='disk'><source type='pci' managed='yes' namespace='1'>"
    "<address domain='0x0000' bus='0x41' slot='0x00' function='0x1'/></source><target dev='vda' bus='virtio'/></disk>"
)
USB = "<interface type='hostdev'><source><address type='usb' bus='0x1' device='0x2'/></source></interface>"
MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-"}
HOUSEKEEPING = Policy(serve=Serve.HOUSEKEEPING, isolation=Isolation(housekeeping_cpus=CpuSet.parse("0-1,9")))
SPREAD = Policy(distribution=Distribution.SPREAD)


def guest(*devices: str, policy: Policy = Policy(), mask: str | None = None, **options: object) -> Make:
    def make(scene: Scene) -> Outcome:
        scene.policy = policy
        if mask is None:
            scene.add_guest(*devices, **options)
        else:
            scene.add_masked_guest(mask, *devices, **options)
        return scene.audit()

    return make


def unreadable(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    domains = scene.active_domains()
    scene.list_domains = lambda: [type(domains[0])(GUEST, "x", error="timed out")]
    return scene.audit()


def refused(code: int) -> Make:
    def make(scene: Scene) -> Outcome:
        scene.add_guest(VF0)
        scene.host.refuse(40, code)
        return scene.audit()

    return make


def managed(scene: Scene) -> Outcome:
    scene.host.put(scene.host.sys / "kernel/irq/40/actions", "nvme0q1")
    return refused(errno.EIO)(scene)


def unread(scene: Scene) -> Outcome:
    affinity = scene.host.proc / "irq/40/smp_affinity_list"
    affinity.unlink()
    affinity.mkdir()
    return guest(VF0)(scene)


def unreadable_device(scene: Scene) -> Outcome:
    node = scene.host.device_folder(VF0) / "numa_node"
    node.unlink()
    node.mkdir()
    return guest(VF0)(scene)


def twice(first: Make) -> Make:
    def make(scene: Scene) -> Outcome:
        first(scene)
        return scene.audit()

    return make


def dry(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    return scene.rehearse()


def quiet(scene: Scene) -> Outcome:
    scene.host.quiet = {40, 41}
    scene.add_guest(VF0)
    return scene.audit()


def vanishing(scene: Scene) -> Outcome:
    scene.host.on_open_for_write = scene.host.remove_interrupt
    scene.add_guest(VF0)
    return scene.audit()


def throttled(scene: Scene) -> Outcome:
    """An interrupt is born that a guest has no credit for."""
    scene.add_guest(VF0)
    made = scene.audit()
    for _ in range(int(EVENTS) + 1):
        scene.auditor.birth(40)
    return made.with_results({result.action.irq: result for result in scene.auditor.lives.waiting()})


def released(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    scene.audit()
    scene.domains.clear()
    return scene.audit()


def next_cpu(scene: Scene) -> Outcome:
    scene.policy = SPREAD
    scene.host.refuse(40, errno.ENOSPC, when=lambda cpus: cpus == "2")
    scene.add_guest(VF0)
    return scene.audit()


def overlap(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    scene.add_guest(VF1, uuid=OTHER, pins=("3", "12"))
    return scene.audit()


def claimed_twice(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    scene.add_guest(VF0, uuid=OTHER, pins=("4",))
    return scene.audit()


def macvtap(parent: str | None, policy: Policy = Policy()) -> Make:
    def make(scene: Scene) -> Outcome:
        scene.policy = policy
        scene.host.add_device("0000:42:00.1", 0, "iavf", parent=parent)
        scene.host.add_netdev("vf0", "0000:42:00.1")
        scene.add_guest(MACVTAP)
        return scene.audit()

    return make


def mdev(scene: Scene) -> Outcome:
    scene.host.add_device("0000:43:00.0", 0, "nvidia")
    scene.host.add_mdev(MDEV_UUID, "0000:43:00.0")
    scene.add_guest(MDEV)
    return scene.audit()


def shared_line(scene: Scene) -> Outcome:
    scene.host.add_device("0000:44:00.0", 0, line=16)
    scene.host.add_interrupt(16, "0-15", action="vfio-intx(0000:44:00.0),ehci_hcd:usb1")
    scene.add_guest("0000:44:00.0")
    return scene.audit()


def idle_device(node: int | None) -> Make:
    def make(scene: Scene) -> Outcome:
        scene.host.add_device("0000:44:00.0", node)
        scene.add_guest("0000:44:00.0")
        return scene.audit()

    return make


def held(scene: Scene) -> Outcome:
    scene.add_guest(VF0)
    scene.audit()
    moment = read_moment(scene.host.root)
    add_hold(scene.store, moment, moment.now + timedelta(hours=1), "change")
    scene.host.put(scene.host.proc / "irq/40/smp_affinity_list", "7")
    return scene.audit()


def without_node(scene: Scene) -> Outcome:
    scene.host.put(scene.host.device_folder(VF0) / "numa_node", "-1")
    scene.add_guest(VF0)
    return scene.audit()


def offline(scene: Scene) -> Outcome:
    scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-1")
    scene.add_guest(VF0)
    return scene.audit()


def gone_offline(scene: Scene) -> Outcome:
    """The CPUs of the target go offline while the pass writes."""
    scene.host.on_open_for_write = lambda _number: scene.host.put(scene.host.sys / "devices/system/cpu/online", "0-1")
    return refused(errno.EINVAL)(scene)


def remembered(scene: Scene) -> Outcome:
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    with scene.store.exclusive():
        scene.store.save(State(extra_specs={GuestId(GUEST): RememberedSpecs("0", "2026-11-20 12:00:00")}))
    return scene.audit()


REACHED: dict[Term, Make] = {
    Verdict.OK: twice(guest(VF0)),
    Verdict.SET: guest(VF0),
    Verdict.WOULD_SET: dry,
    Verdict.PENDING: quiet,
    Verdict.MANAGED: managed,
    Verdict.IMMOVABLE: refused(errno.EINVAL),
    Verdict.UNREAD: unread,
    Verdict.THROTTLED: throttled,
    Verdict.HELD: held,
    Verdict.GONE: vanishing,
    Verdict.NO_VECTOR: refused(errno.ENOSPC),
    Verdict.OFFLINE: gone_offline,
    Verdict.DENIED: refused(errno.EACCES),
    Status.PLACED: guest(VF0),
    Status.XML_INVALID: unreadable,
    Status.SHARED_CPUS: guest(VF0, pins=("0-7", "0-7")),
    Status.MASK_INVALID: guest(VF0, mask="1-"),
    Status.MASK_OUT_OF_RANGE: guest(VF0, mask="4"),
    Status.MASK_EMPTY: guest(VF0, mask="1,^1"),
    Status.MASK_NOT_DEDICATED: guest(VF0, mask="3", pins=("2", "3", "10", "8-15")),
    Status.NO_MASK: guest(VF0, policy=Policy(without_mask=WithoutMask.SKIP)),
    Status.NOT_HEARD: guest(VF0, metadata=nova_metadata("nfv"), policy=Policy(without_mask=WithoutMask.WAIT)),
    Status.NO_DEVICES: guest(),
    GuestReason.CPUS_OVERLAP: overlap,
    GuestReason.DEDICATED_MASK_INVALID: guest(VF0, metadata=nova_metadata("nfv", MIXED)),
    GuestReason.REALTIME_VCPUS: guest(VF0, mask="0", cputune="<vcpusched vcpus='0' scheduler='fifo' priority='1'/>"),
    LeftOutReason.NOT_UNDERSTOOD: guest(VF0, USB),
    LeftOutReason.UNRESOLVED: guest(VF0, MACVTAP),
    DeviceReason.NOT_IN_DEVICE_SPEC: guest(VF0, policy=Policy(device_specs=parse_device_spec('{"vendor_id": "15b3"}'))),
    DeviceReason.MDEV: mdev,
    DeviceReason.NOT_FOUND: guest("0000:99:00.0"),
    DeviceReason.UNREADABLE: unreadable_device,
    DeviceReason.NVME_DISK: guest(NVME),
    DeviceReason.CLAIMED_TWICE: claimed_twice,
    DeviceReason.SHARED_PARENT: macvtap(parent=None),
    DeviceReason.HOST_DRIVER: macvtap(parent="0000:42:00.0"),
    DeviceReason.NO_IRQS: idle_device(0),
    DeviceReason.SHARED_INTX: shared_line,
    DeviceReason.NO_EMULATORPIN: guest(VF0, policy=Policy(serve=Serve.EMULATOR)),
    DeviceReason.NO_HOUSEKEEPING: guest(VF0, policy=Policy(serve=Serve.HOUSEKEEPING)),
    DeviceReason.NODE_STRICT: guest(VF0, pins=("10",), policy=Policy(numa=Numa.STRICT)),
    DeviceReason.NO_ONLINE_CPU: offline,
    DeviceReason.REMOTE_NODE: guest(VF0, pins=("10",)),
    DeviceReason.NO_NODE: without_node,
    IrqReason.NEXT_CPU: next_cpu,
    IrqReason.RELEASED: released,
    IrqReason.BACKOFF: twice(refused(errno.ENOSPC)),
}

TERMS: list[Term] = [*Verdict, *Status, *GuestReason, *LeftOutReason, *DeviceReason, *IrqReason]


def rows(found: dict[str, Any], term: Term) -> Iterator[tuple[str | None, str | None]]:
    """Give each word of the kind of `term` in a document, with the message beside it."""
    left_out = [row for of_guest in found["guests"] for row in of_guest["left_out"]]
    places: dict[type[Term], tuple[list[dict[str, Any]], str]] = {
        Verdict: (found["irqs"], "verdict"),
        Status: (found["guests"], "status"),
        GuestReason: (found["guests"], "reason"),
        LeftOutReason: (left_out, "reason"),
        DeviceReason: (found["devices"], "reason"),
        IrqReason: (found["irqs"], "reason"),
    }
    part, key = places[type(term)]
    return ((row[key], row["message"]) for row in part)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.anchor)
def test_the_word_is_reached_and_told(scene: Scene, term: Term) -> None:
    found = document(REACHED[term](scene))
    told = [message for word, message in rows(found, term) if word == term.value]
    assert told, found
    quiet_words = {Verdict.OK, Verdict.SET, Verdict.WOULD_SET, Status.PLACED, IrqReason.RELEASED}
    assert term in quiet_words or all(told)


@pytest.mark.parametrize(
    ("source", "make"),
    [
        (MaskSource.METADATA, guest(VF0, mask="0")),
        (MaskSource.NOTIFICATION, remembered),
        (
            MaskSource.FLAVOR_MASKS,
            guest(VF0, metadata=nova_metadata("nfv"), policy=Policy(flavor_masks={"nfv": "0"})),
        ),
        (MaskSource.NONE, guest(VF0, metadata="")),
    ],
)
def test_each_source_of_a_mask_is_told(scene: Scene, source: MaskSource, make: Make) -> None:
    row = document(make(scene))["guests"][0]
    assert row["mask_source"] == source.value
    assert row["irq_vcpus"] == ("0-3" if source is MaskSource.NONE else "0")


@pytest.mark.parametrize(("host_driver", "cpus"), [(HostDriver.EMULATOR, "6"), (HostDriver.VCPU, "2-3")])
def test_a_host_driver_serves_where_the_operator_says(scene: Scene, host_driver: HostDriver, cpus: str) -> None:
    scene.policy = Policy(host_driver=HostDrivers.both(host_driver))
    scene.host.add_device("0000:42:00.1", 0, "iavf", parent="0000:42:00.0")
    scene.host.add_netdev("vf0", "0000:42:00.1")
    scene.host.add_vectors("0000:42:00.1", [70], "0-15")
    scene.add_guest(MACVTAP, cputune="<emulatorpin cpuset='6'/>")
    scene.audit()
    assert scene.host.smp(70) == cpus


@pytest.mark.parametrize(
    ("policy", "mask", "cpus", "why"),
    [
        (Policy(serve=Serve.VCPUS), None, "2-3", "the CPUs of vCPUs 0-1 on node 0"),
        (Policy(serve=Serve.EMULATOR), None, "6", "the emulator's CPUs on node 0"),
        (Policy(serve=Serve.EMULATOR), "1", "3", "the CPU of vCPU 1 on node 0"),
        (
            HOUSEKEEPING,
            None,
            "0-1",
            "the host's housekeeping CPUs on node 0",
        ),
        (HOUSEKEEPING, "1", "3", "the CPU of vCPU 1 on node 0"),
    ],
)
def test_a_guest_without_a_mask_is_served_by_the_cpus_that_the_operator_says(
    scene: Scene, policy: Policy, mask: str | None, cpus: str, why: str
) -> None:
    outcome = guest(VF0, policy=policy, mask=mask, cputune="<emulatorpin cpuset='6,12'/>")(scene)
    assert (scene.host.smp(40), scene.host.smp(41)) == (cpus, cpus)
    assert describe_target(outcome.devices[0]).endswith(why)
    assert outcome.guests[0].irq_vcpus == CpuSet.parse(mask or "0-3")


@pytest.mark.parametrize(
    ("serve", "word"), [(Serve.EMULATOR, "no_emulatorpin"), (Serve.HOUSEKEEPING, "no_housekeeping")]
)
def test_where_no_cpu_can_serve_the_interrupts_keep_what_they_have(scene: Scene, serve: Serve, word: str) -> None:
    guest(VF0)(scene)
    scene.restart()
    scene.policy = Policy(serve=serve)
    found = document(scene.audit())
    assert (found["devices"][0]["target"], found["devices"][0]["reason"]) == (None, word)
    assert (scene.host.smp(40), found["irqs"]) == ("2-3", [])
    scene.domains.clear()
    scene.audit()
    assert scene.host.smp(40) == "0-15"  # it goes back as any other


@pytest.mark.parametrize(
    ("numa", "pins", "cpus", "told"),
    [
        (Numa.PREFERRED, ("6", "10", "14"), "6", None),
        (
            Numa.PREFERRED,
            ("10", "14"),
            "10",
            "remote_node: no chosen CPU is on its NUMA node; those on node 2 at distance 12",
        ),
        (Numa.SOCKET, ("10", "14"), "14", "remote_node: no chosen CPU is on its NUMA node; those in its socket serve"),
        (Numa.SOCKET, ("10", "11"), "0-15", "node_strict: no chosen CPU is as near to it as .*: none is in its socket"),
        (
            Numa.STRICT,
            ("10", "14"),
            "0-15",
            "node_strict: no chosen CPU is as near to it as .*: none is on its NUMA node",
        ),
    ],
)
def test_how_near_is_near_enough_is_what_the_operator_says(
    scene: Scene, numa: Numa, pins: tuple[str, ...], cpus: str, told: str | None
) -> None:
    """Four nodes; the socket of the device's node (1) has node 3 too, and the other socket has a nearer one."""
    scene.policy = Policy(numa=numa)
    for node, of_node in enumerate(("0-3", "4-7", "8-11", "12-15")):
        scene.host.put(scene.host.sys / f"devices/system/node/node{node}/cpulist", of_node)
    scene.host.set_distances({1: "32 10 12 16"})
    for cpu in range(16):
        package = scene.host.sys / f"devices/system/cpu/cpu{cpu}/topology/physical_package_id"
        scene.host.put(package, str(cpu // 4 % 2))
    scene.add_guest(VF1, pins=pins)
    device = document(scene.audit())["devices"][0]
    assert {scene.host.smp(number) for number in IRQS1} == {cpus}
    assert told is None or re.match(told, f"{device['reason']}: {device['message']}")
    assert told is not None or device["reason"] is None


def test_the_guide_has_the_reasons_of_a_device_in_the_order_in_which_they_are_tried() -> None:
    guide = (Path(__file__).parents[3] / "doc/operate.rst").read_text()
    found = re.findall(r"(?m)^\.\. _(devicereason-[a-z-]+):$", guide)
    assert found == [reason.anchor for reason in DeviceReason]


def test_the_guide_has_the_causes_in_the_order_in_which_they_are_tried() -> None:
    guide = (Path(__file__).parents[3] / "doc/operate.rst").read_text()
    found = re.findall(r"(?m)^\.\. _(cause-[a-z-]+):$", guide)
    tried = dict.fromkeys(cause.anchor for cause, _ in (*TABLE, *HOST_TABLE) if cause is not None)
    assert found == [*tried, Cause.SRIOV.anchor]


@pytest.mark.parametrize("term", [*TERMS, *Cause], ids=lambda term: term.anchor)
def test_the_word_has_its_paragraph_in_the_operators_guide(term: Term) -> None:
    guide = (Path(__file__).parents[3] / "doc/operate.rst").read_text()
    assert re.search(rf"^\.\. _{re.escape(term.anchor)}:$", guide, re.MULTILINE), f"doc/operate.rst lacks {term.anchor}"
    assert f"``{term.value}``" in guide
