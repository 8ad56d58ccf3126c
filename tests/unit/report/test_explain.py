# SPDX-License-Identifier: Apache-2.0
"""The rules behind a place, with the values that were read."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from irqaffinity.cli.explain import judge_vcpus
from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.model.action import Action, Result
from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId
from irqaffinity.model.host import Device, Topology
from irqaffinity.model.irq import Interrupt
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Record
from irqaffinity.model.verdict import DeviceReason, Verdict
from irqaffinity.observe.domain import Domain
from irqaffinity.passes.made import Pass
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Isolation, Numa, Policy, Profile, Serve
from irqaffinity.plan.targets import DevicePlan
from irqaffinity.report.explain import (
    Rule,
    explain_device,
    explain_free_device,
    explain_guest,
    render_rules,
)
from irqaffinity.report.explain_interrupt import explain_free_interrupt, explain_idle_interrupt, explain_result
from tests.fakes.domains import nova_metadata
from tests.fakes.scene import DEDICATED, GUEST, OTHER, VF0, VF1, Scene

MIXED = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "2-3"}
ADDRESS = PciAddress.parse(VF0)
TOPOLOGY = Topology(CpuSet.parse("0-15"), {0: CpuSet.parse("0-7")})
RECORD = Record(GuestId(GUEST), "vfio-pci", CpuSet.parse("0-15"), CpuSet([2]))


def rules_of(scene: Scene) -> list[Rule]:
    """Explain the first guest, its first device and that one's first interrupt."""
    made: Pass = scene.auditor.rehearse(logs=False)
    decision, seen = made.draft.decisions[GuestId(GUEST)], made.guests[GuestId(GUEST)].readable
    judge = judge_vcpus(seen, made, scene.policy)
    rules = list(explain_guest(decision.guest, seen, decision.devices, judge, scene.policy))
    for device in decision.devices[:1]:
        read = made.draft.devices[device.address]
        rules += explain_device(device, read, seen, made.frame.topology, scene.policy)
    for result in made.outcome.results[:1]:
        rules += explain_result(result)
    return rules


def explained(scene: Scene) -> dict[str, str]:
    return dict(rules_of(scene))


def vcpus(rules: Sequence[Rule]) -> list[Rule]:
    return [rule for rule in rules if rule[0].startswith("vCPU")]


def test_each_rule_tells_what_it_read(scene: Scene) -> None:
    scene.add_masked_guest("0,2", VF0, cputune="<vcpusched vcpus='3' scheduler='fifo' priority='1'/>")
    assert rules_of(scene) == [
        ("guest", f"instance-0 {GUEST}"),
        ("pins", "0 on 2, 1 on 3, 2 on 10, 3 on 11"),
        ("dedicated", "vCPUs 0-3; policy: dedicated (hw:cpu_policy)"),
        ("mask", "0,2 from metadata"),
        ("realtime", "vCPU 3 runs under a realtime scheduler"),
        ("vCPU 0", "serving"),
        ("vCPU 1", "not serving: left out by the mask"),
        ("vCPU 2", "serving"),
        ("vCPU 3", "not serving: left out by the mask"),
        ("served by", "vCPUs 0,2 on CPUs 2,10"),
        ("device", f"{VF0}, driver vfio-pci, named by <hostdev type='pci'>"),
        ("device_spec", "none is configured: every device of a guest is meant"),
        ("interrupts", "40-41"),
        ("node", "numa_node is 0, with CPUs 0-7; online are 0-15"),
        ("target", "2: the CPU of vCPU 0 on node 0"),
        ("distribution", "mask: all of them for each interrupt"),
        ("irq 40", "smp_affinity_list 0-15, effective_affinity_list 0"),
        ("verdict", "would_set: would be moved, target 2"),
    ]


def test_a_mixed_guest_tells_which_vcpus_its_policy_leaves_out(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv", MIXED))
    rules = rules_of(scene)
    assert ("dedicated", "vCPUs 2-3; policy: mixed (hw:cpu_dedicated_mask 2-3)") in rules
    assert vcpus(rules) == [
        ("vCPUs 0-1", "not serving: the policy is mixed (hw:cpu_dedicated_mask 2-3)"),
        ("vCPUs 2-3", "serving"),
    ]


def test_a_mask_of_a_mixed_guest_that_cannot_be_read_is_told(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv", MIXED | {"hw:cpu_dedicated_mask": "9"}))
    told = explained(scene)["dedicated"]
    assert told.startswith(
        "vCPUs 0-3; policy: mixed (hw:cpu_dedicated_mask 9); hw:cpu_dedicated_mask 9: vCPU 9 does not exist"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            {"pins": ("2", "3", "4-5", "")},
            [
                ("vCPUs 0-1", "serving"),
                ("vCPU 2", "not serving: pinned to 4-5, not to one CPU"),
                ("vCPU 3", "not serving: no vcpupin"),
            ],
        ),
        (
            {"pins": ("2", "2", "3", "4")},
            [
                ("vCPUs 0-1", "not serving: another vCPU of this guest has CPU 2 alone too"),
                ("vCPUs 2-3", "serving"),
            ],
        ),
        (
            {"cputune": "<vcpusched vcpus='0-1' scheduler='rr' priority='1'/>"},
            [("vCPUs 0-1", "not serving: realtime"), ("vCPUs 2-3", "serving")],
        ),
        (
            {"metadata": nova_metadata("nfv", {"hw:cpu_policy": "shared"})},
            [("vCPUs 0-3", "not serving: the policy is shared (hw:cpu_policy)")],
        ),
    ],
)
def test_each_vcpu_tells_why_it_does_not_serve(scene: Scene, options: dict[str, object], told: list[Rule]) -> None:
    scene.add_guest(VF0, **options)  # type: ignore[arg-type]
    assert vcpus(rules_of(scene)) == told


def test_vcpus_that_are_not_plugged_in_and_ones_that_another_guest_has_too(scene: Scene) -> None:
    scene.add_guest(VF0, metadata="")
    scene.domains[0] = scene.domains[0].replace("<vcpu placement='static'>4", "<vcpu placement='static' current='3'>4")
    scene.add_guest(uuid=OTHER, pins=("3",), metadata="")
    assert vcpus(rules_of(scene)) == [
        ("vCPU 0", "serving"),
        ("vCPU 1", f"not serving: guest {OTHER} has CPU 3 alone too"),
        ("vCPU 2", "serving"),
        ("vCPU 3", "not serving: not plugged in"),
    ]


def test_the_limit_of_dedicated_cpus_is_told_where_there_is_one(scene: Scene) -> None:
    scene.policy = Policy(dedicated_cpus=CpuSet.parse("2-3"))
    scene.add_guest(VF0)
    rules = rules_of(scene)
    assert ("limit", "[placement] dedicated_cpus is 2-3: no other CPU serves") in rules
    assert ("vCPU 2", "not serving: [placement] dedicated_cpus does not have CPU 10") in rules


def test_a_guest_that_is_refused_says_by_which_rule(scene: Scene) -> None:
    scene.add_masked_guest("7", VF0)
    rules = explained(scene)
    assert rules["status"].startswith("mask_out_of_range: mask 7: vCPU 7 does not exist")
    assert rules["vCPUs 0-3"] == "not serving: the guest is not placed (mask_out_of_range)"
    assert "served by" not in rules
    assert rules["target"] == "none: its guest is not placed"


def test_the_places_that_hold_no_mask_are_named(scene: Scene) -> None:
    scene.add_guest(VF0, metadata="")
    rules = explained(scene)
    assert rules["mask"].startswith("neither the domain, nor a notification, nor flavor_masks")
    assert rules["dedicated"].endswith("; policy: unknown (the domain has no extra specs of Nova's)")


def test_a_guest_of_nova_without_specs_was_not_heard_of(scene: Scene) -> None:
    scene.add_guest(VF0, metadata=nova_metadata("nfv"))
    assert explained(scene)["mask"].startswith("not heard: neither the domain, nor a notification")


def test_the_cpus_that_other_threads_of_the_guest_share_are_told(scene: Scene) -> None:
    threads = "<emulatorpin cpuset='0-2,10'/><iothreadpin iothread='1' cpuset='3'/>"
    scene.add_guest(VF0, cputune=threads)
    scene.domains[0] = scene.domains[0].replace("<cputune>", "<iothreads>1</iothreads><cputune>")
    rules = explained(scene)
    assert rules["emulator"] == "pinned to CPUs 0-2,10; CPUs 2,10 serve interrupts of the guest"
    assert rules["iothreads"] == "pinned to CPU 3; CPU 3 serves interrupts of the guest"
    assert rules["target"].startswith("2-3: ")
    assert rules["shared with"] == "the emulator on CPU 2, iothreads on CPU 3"


def test_threads_that_share_nothing_are_told_so(scene: Scene) -> None:
    scene.add_guest(VF0, cputune="<emulatorpin cpuset='0-1'/>")
    rules = explained(scene)
    assert rules["emulator"] == "pinned to CPUs 0-1; none of these serves interrupts of the guest"
    assert "iothreads" not in rules
    assert "shared with" not in rules


def test_elements_that_are_left_out_are_told(scene: Scene) -> None:
    scene.add_guest(VF0, "<interface type='vdpa'><source dev='/dev/vdpa7'/></interface>")
    assert explained(scene)["left out"].startswith("<interface type='vdpa'>: unresolved: its source leads to no PCI")


@pytest.mark.parametrize(
    ("host_driver", "vcpu", "service"),
    [
        (HostDriver.SKIP, "may serve", "nothing: no interrupt of it is moved"),
        (HostDriver.EMULATOR, "may serve", "its emulator's CPUs"),
        (HostDriver.VCPU, "serving", "vCPUs 0-3 on CPUs 2-3,10-11"),
    ],
)
def test_what_serves_a_guest_whose_only_device_a_host_driver_has(
    scene: Scene, host_driver: HostDriver, vcpu: str, service: str
) -> None:
    scene.policy = Policy(host_driver=HostDrivers.both(host_driver))
    scene.host.add_device("0000:41:00.0", 0, driver="ice")
    scene.host.add_netdev("ens1f0v0", VF0)
    scene.host.link(scene.host.device_folder(VF0) / "physfn", scene.host.device_folder("0000:41:00.0"))
    macvtap = "<interface type='direct'><source dev='ens1f0v0' mode='passthrough'/></interface>"
    scene.add_guest(macvtap, cputune="<emulatorpin cpuset='4'/>")
    rules = explained(scene)
    assert (rules["vCPUs 0-3"], rules["served by"]) == (vcpu, service)
    assert rules["host_driver"] == f"[placement] host_driver, for macvtap, is {host_driver.value}" + (
        ": the guest's emulatorpin is 4" if host_driver is HostDriver.EMULATOR else ""
    )


@pytest.mark.parametrize(
    ("policy", "mask", "server", "target", "service"),
    [
        (
            Policy(serve=Serve.EMULATOR),
            {},
            "[placement] serve is emulator: the guest's emulatorpin is 4",
            "4: the emulator's CPUs on node 0",
            "its emulator's CPUs",
        ),
        (
            Policy(serve=Serve.HOUSEKEEPING, isolation=Isolation(housekeeping_cpus=CpuSet([0, 1, 9]))),
            {},
            "[placement] serve is housekeeping: CPUs 0-1,9",
            "0-1: the host's housekeeping CPUs on node 0",
            "the host's housekeeping CPUs",
        ),
        (
            Policy(serve=Serve.HOUSEKEEPING),
            {},
            "[placement] serve is housekeeping: none is named and online",
            f"none: no_housekeeping: {DeviceReason.NO_HOUSEKEEPING.sentence}",
            "nothing: no interrupt of it is moved",
        ),
        (
            Policy(serve=Serve.EMULATOR),
            {"hw:pci_irq_affinity_mask": "1"},
            "[placement] serve is emulator; the guest's mask goes before it, so vCPUs serve",
            "3: the CPU of vCPU 1 on node 0",
            "vCPU 1 on CPU 3",
        ),
        (Policy(), {}, None, "2-3: the CPUs of vCPUs 0-1 on node 0", "vCPUs 0-3 on CPUs 2-3,10-11"),
    ],
)
def test_explain_shows_whose_cpus_serve_a_device(
    scene: Scene, policy: Policy, mask: dict[str, str], server: str | None, target: str, service: str
) -> None:
    scene.policy = policy
    scene.add_guest(VF0, metadata=nova_metadata("nfv", DEDICATED | mask), cputune="<emulatorpin cpuset='4'/>")
    rules = explained(scene)
    assert (rules.get("serve"), rules["target"], rules["served by"]) == (server, target, service)
    is_emulators = target.startswith("4: ")
    serves = "CPU 4 serves" if is_emulators else "none of these serves"
    assert rules["emulator"] == f"pinned to CPU 4; {serves} interrupts of the guest"
    assert ("serving" in rules.values()) == service.startswith("vCPU")


def test_a_guest_that_cannot_be_read_has_its_status_alone(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.domains[0] = scene.domains[0].replace("cpuset='2'", "cpuset='2-'")
    scene.list_domains = lambda: [Domain(GUEST, "instance-0", scene.domains[0])]
    assert [name for name, _ in rules_of(scene)] == ["guest", "status"]


def device_plan(**options: object) -> DevicePlan:
    values = {"address": ADDRESS, "guest": GuestId(GUEST), "numa_node": 0, "driver": "iavf"}
    return DevicePlan(**values | options)  # type: ignore[arg-type]


def test_a_device_under_another_driver_waits_for_libvirt() -> None:
    plan = device_plan(message="its driver is iavf, and was vfio-pci when libvirt was asked", is_unconfirmed=True)
    rules = dict(explain_device(plan, Device(ADDRESS, driver="iavf"), None, TOPOLOGY, Policy()))
    assert rules["target"] == "none: its driver is iavf, and was vfio-pci when libvirt was asked"
    told = "no interrupt of it is moved or given back until libvirt is asked again and still names it"
    assert rules["unconfirmed"] == told


def test_the_device_specs_and_their_tags_are_told() -> None:
    policy = Policy(device_specs=parse_device_spec('{"address": "*:*:*.*"}'))
    plan = device_plan(tags={"physical_network": "a\nb"})
    rules = dict(explain_device(plan, Device(ADDRESS), None, TOPOLOGY, policy))
    assert rules["device_spec"].startswith('1 configured; the first that matches counts, tags {"physical_network": ')
    assert "\n" not in rules["device_spec"]


def free(device: Device, records: dict[int, Record], *released: Result) -> dict[str, str]:
    return dict(explain_free_device(device, TOPOLOGY, records, released))


def test_a_device_that_no_guest_has_says_so() -> None:
    device = Device(ADDRESS, driver="ice", numa_node=0, interrupts=(Interrupt(40, CpuSet([1]), None),))
    assert free(device, {}) == {
        "device": f"{VF0}, driver ice",
        "interrupts": "40",
        "node": "numa_node is 0, with CPUs 0-7; online are 0-15",
        "target": "none: no active guest names it",
    }
    assert free(Device(ADDRESS, trouble="/sys/x: Permission denied"), {})["unreadable"] == "/sys/x: Permission denied"


def test_a_device_that_left_its_guest_tells_what_goes_back() -> None:
    action = Action(40, ADDRESS, GuestId(GUEST), CpuSet([2]), None, CpuSet.parse("0-15"), is_release=True)
    result = Result(action, Verdict.WOULD_SET, action.target, CpuSet([2]), None)
    told = free(Device(ADDRESS), {40: RECORD}, result)["target"]
    assert told == f"no active guest names it; 40, moved for guest {GUEST}, go back to 0-15"
    told = free(Device(ADDRESS), {40: RECORD, 41: RECORD})["target"]
    assert told == f"no active guest names it; 40-41, moved for guest {GUEST}, stay where they are for now"


@pytest.mark.parametrize(
    ("devices", "names", "told"),
    [
        ([], "timer", "of no PCI device (timer)"),
        ([], "", "of no PCI device (no handler)"),
        ([ADDRESS], "i801_smbus", f"the INTx line of {VF0} (i801_smbus)"),
    ],
)
def test_an_interrupt_that_no_device_lists(devices: list[PciAddress], names: str, told: str) -> None:
    assert list(explain_free_interrupt(16, devices, names)) == [("irq 16", told)]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (None, "smp_affinity_list cannot be read"),
        (Interrupt(16, CpuSet([0, 1]), CpuSet([1])), "smp_affinity_list 0-1, effective_affinity_list 1"),
        (Interrupt(16, CpuSet([0, 1]), None), "smp_affinity_list 0-1, effective_affinity_list unknown"),
    ],
)
def test_an_interrupt_without_a_target_has_both_places(seen: Interrupt | None, told: str) -> None:
    assert list(explain_idle_interrupt(16, seen)) == [("irq 16", told)]


def test_what_was_found_stands_in_one_column_however_long_a_name_is() -> None:
    assert render_rules([("guest", "a"), ("target", "b")]) == "guest         a\ntarget        b"
    assert render_rules([("guest", "a"), ("vCPUs 1000-1001", "b")]) == "guest           a\nvCPUs 1000-1001 b"


PROFILES = (
    Profile({"physical_network": "b"}, numa=Numa.STRICT),
    Profile({"physical_network": "a"}, Distribution.SPREAD, Numa.STRICT, Serve.EMULATOR),
)


def profiled(scene: Scene, network: str, **policy: Any) -> dict[str, str]:
    specs = parse_device_spec(json.dumps({"address": VF0, "physical_network": network}))
    scene.policy = Policy(device_specs=specs, profiles=PROFILES, **policy)
    scene.restart()
    return explained(scene)


def test_the_profile_of_a_device_is_told_with_what_it_says(scene: Scene) -> None:
    scene.add_guest(VF0, cputune="<emulatorpin cpuset='4'/>")
    rules = profiled(scene, "a")
    said = 'for tags {"physical_network": "a"}: distribution spread, numa strict, serve emulator'
    assert rules["profile"] == f"number 2 of 2, {said}"
    assert rules["serve"] == "the profile's serve is emulator: the guest's emulatorpin is 4"
    assert rules["distribution"] == "spread: one CPU for each interrupt"


def test_the_options_are_told_where_the_profile_says_nothing_or_none_applies(scene: Scene) -> None:
    scene.add_guest(VF0, cputune="<emulatorpin cpuset='4'/>")
    rules = profiled(scene, "b", serve=Serve.EMULATOR)
    assert rules["profile"] == 'number 1 of 2, for tags {"physical_network": "b"}: numa strict'
    assert rules["serve"] == "[placement] serve is emulator: the guest's emulatorpin is 4"
    rules = profiled(scene, "c", distribution=Distribution.SPREAD)
    assert rules["profile"] == "2 configured; none has the tags of the device, so [placement] decides"
    assert rules["distribution"] == "spread: one CPU for each interrupt"


def test_vcpus_that_would_serve_an_excluded_device_alone_do_not_serve(scene: Scene) -> None:
    scene.add_guest(VF0, VF1, cputune="<emulatorpin cpuset='4'/>")
    rules = profiled(scene, "a")
    assert (rules["served by"], rules["vCPUs 0-3"]) == ("its emulator's CPUs", "may serve")


def test_a_mask_goes_before_the_serve_of_a_profile(scene: Scene) -> None:
    scene.add_masked_guest("0", VF0, cputune="<emulatorpin cpuset='4'/>")
    rules = profiled(scene, "a")
    assert rules["serve"] == "the profile's serve is emulator; the guest's mask goes before it, so vCPUs serve"
    assert rules["target"].startswith("2: ")
