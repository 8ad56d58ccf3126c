# SPDX-License-Identifier: Apache-2.0
"""The JSON report, against the whole of an example."""

from dataclasses import replace

import jsonschema

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.observe.layout import read_layout
from irqaffinity.plan.policy import Policy
from irqaffinity.report.document import to_document
from tests.fakes.scene import GUEST, SCHEMA, VF0, VF1, Scene, document


def test_the_document_has_the_fields_of_the_contract(scene: Scene) -> None:
    scene.policy = Policy(device_specs=parse_device_spec('{"vendor_id": "8086", "physical_network": "sriov-a"}'))
    scene.add_masked_guest("1-3", VF1)
    found = document(scene.rehearse())
    assert found.pop("time").endswith("Z")
    assert {row["node"] for row in found.pop("headroom")} <= {0, 1}  # only on x86
    rows = [
        {
            "irq": number,
            "device": VF1,
            "guest": GUEST,
            "current": "0-15",
            "target": "10-11",
            "effective": "0",
            "verdict": "would_set",
            "reason": None,
            "message": None,
        }
        for number in (50, 51)
    ]
    assert found == {
        "schema": 1,
        "host": "cmp-12",
        "dry_run": True,
        "state_unsaved": None,
        "host_facts": {"posted_interrupts": False, "msi_source": "poll"},
        "summary": {
            "guests": 1,
            "devices": 1,
            "irqs": 2,
            "ok": 0,
            "set": 0,
            "would_set": 2,
            "pending": 0,
            "managed": 0,
            "held": 0,
            "gone": 0,
            "failed": 0,
            "skipped": 0,
        },
        "nodes": [],
        "guests": [
            {
                "uuid": GUEST,
                "name": "instance-0",
                "vcpus": 4,
                "mask": "1-3",
                "mask_source": "metadata",
                "vcpu_pins": {"0": "2", "1": "3", "2": "10", "3": "11"},
                "irq_vcpus": "1-3",
                "irq_pcpus": "3,10-11",
                "status": "placed",
                "reason": None,
                "message": None,
                "left_out": [],
            }
        ],
        "devices": [
            {
                "address": VF1,
                "guest": GUEST,
                "name": "instance-0",
                "numa_node": 1,
                "driver": "vfio-pci",
                "target": "10-11",
                "irqs": "50-51",
                "cpus": "0-15",
                "verdicts": {"would_set": 2},
                "tags": {"physical_network": "sriov-a"},
                "reason": None,
                "message": None,
            }
        ],
        "irqs": rows,
        "intruders": [],
        "isolation": {
            "mode": "report",
            "kept": "2-3,10-11",
            "housekeeping": None,
            "moved": 0,
            "message": None,
            "default": None,
            "irqs": [],
        },
        "holds": [],
    }


def test_an_interrupt_without_an_effective_file_says_null(scene: Scene) -> None:
    for number in (50, 51):
        (scene.host.proc / f"irq/{number}/effective_affinity_list").unlink()
    scene.add_guest(VF1)
    assert [(row["verdict"], row["effective"]) for row in document(scene.audit())["irqs"]] == [("set", None)] * 2


def test_the_cpus_of_the_host_lie_as_they_were_read(scene: Scene) -> None:
    scene.host.put(scene.host.sys / "devices/system/cpu/present", "0-16")
    scene.host.put(scene.host.sys / "devices/system/cpu/isolated", "2-7")
    for cpu in range(16):
        folder = scene.host.sys / f"devices/system/cpu/cpu{cpu}/topology"
        scene.host.put(folder / "thread_siblings_list", f"{cpu & ~1}-{cpu | 1}")
        scene.host.put(folder / "physical_package_id", str(cpu // 8))
    found = to_document(scene.rehearse(), nodes=read_layout(scene.host.root))
    jsonschema.validate(found, SCHEMA)
    second = ["8-9", "10-11", "12-13", "14-15"]
    assert found["nodes"][1:] == [
        {"node": 1, "cpus": "8-15", "offline": "", "isolated": "", "sockets": {"1": "8-15"}, "cores": second},
        {"node": None, "cpus": "16", "offline": "16", "isolated": "", "sockets": {}, "cores": []},
    ]
    assert (found["nodes"][0]["isolated"], found["nodes"][0]["cores"][0]) == ("2-7", "0-1")


def test_only_vcpus_that_are_plugged_in_and_pinned_have_pins(scene: Scene) -> None:
    scene.add_guest(VF0, pins=("2", "", "4-5"))
    assert document(scene.rehearse())["guests"][0]["vcpu_pins"] == {"0": "2", "2": "4-5"}
    vcpus = "<vcpus><vcpu id='0' enabled='yes'/><vcpu id='1' enabled='yes'/><vcpu id='2' enabled='no'/></vcpus>"
    scene.domains[0] = (
        scene.domains[0].replace("<cputune>", f"{vcpus}<cputune>").replace(">3</vcpu>", " current='2'>3</vcpu>")
    )
    assert document(scene.rehearse())["guests"][0]["vcpu_pins"] == {"0": "2"}


def test_a_state_that_could_not_be_stored_is_told(scene: Scene) -> None:
    scene.add_guest(VF0)
    scene.audit()
    assert document(scene.audit())["state_unsaved"] is None
    unsaved = replace(scene.audit(), unsaved="state.db cannot be written")
    assert document(unsaved)["state_unsaved"] == "state.db cannot be written"
