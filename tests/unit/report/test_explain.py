# SPDX-License-Identifier: Apache-2.0
"""The rules behind a place, with the values that were read."""

from irqaffinity.audit import Pass
from irqaffinity.plan.policy import Policy
from irqaffinity.report.explain import explain_device, explain_guest, explain_result, find_guest
from tests.fakes.scene import VF0, Scene


def explained(scene: Scene, policy: Policy = Policy()) -> dict[str, str]:
    made: Pass = scene.auditor.rehearse()
    guest, device = made.plan.guests[0], made.plan.devices[0]
    rules = [
        *explain_guest(guest, find_guest(made.snapshot, guest), policy),
        *explain_device(device, made.snapshot.devices[device.address], made.snapshot.topology, policy),
    ]
    for result in made.outcome.results[:1]:
        rules += explain_result(result)
    return dict(rules)


def test_each_rule_tells_what_it_read(scene: Scene) -> None:
    scene.add_masked_guest("0,2", VF0, cputune="<vcpusched vcpus='3' scheduler='fifo' priority='1'/>")
    rules = explained(scene)
    assert rules["pins"] == "0 on 2, 1 on 3, 2 on 10, 3 on 11"
    assert rules["dedicated"] == "vCPUs 0-3: hw:cpu_policy in the domain's metadata is dedicated"
    assert rules["mask"] == "0,2 from metadata"
    assert rules["realtime"] == "vCPUs 3 run under a realtime scheduler"
    assert rules["served by"] == "vCPUs 0,2 on CPUs 2,10"
    assert rules["device"] == f"{VF0}, driver vfio-pci, named by <hostdev>"
    assert rules["interrupts"] == "40-41"
    assert rules["node"] == "numa_node is 0, with CPUs 0-7; online are 0-15"
    assert rules["target"] == "2: the CPUs of vCPUs 0 on node 0"
    assert rules["irq 40"] == "smp_affinity_list 0-15, effective_affinity_list 0"
    assert rules["verdict"] == "would_set: would be moved, target 2"


def test_a_guest_that_is_refused_says_by_which_rule(scene: Scene) -> None:
    scene.add_masked_guest("7", VF0)
    rules = explained(scene)
    assert rules["status"].startswith("mask_out_of_range: mask 7: vCPU 7 does not exist")
    assert "served by" not in rules
    assert rules["target"] == "none: its guest is not placed"


def test_the_places_that_hold_no_mask_are_named(scene: Scene) -> None:
    scene.add_guest(VF0, metadata="")
    rules = explained(scene)
    assert "neither the domain, nor a notification, nor flavor_masks" in rules["mask"]
    assert "no hw:cpu_policy in the domain" in rules["dedicated"]
