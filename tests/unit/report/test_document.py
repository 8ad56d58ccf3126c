# SPDX-License-Identifier: Apache-2.0
"""The JSON report, against the whole of an example."""

from irqaffinity.grammar.device_spec import parse_device_spec
from irqaffinity.plan.policy import Policy
from tests.fakes.scene import GUEST, VF1, Scene, document


def test_the_document_has_the_fields_of_the_contract(scene: Scene) -> None:
    scene.policy = Policy(device_specs=parse_device_spec('{"vendor_id": "8086", "physical_network": "sriov-a"}'))
    scene.add_masked_guest("1-3", VF1)
    found = document(scene.rehearse())
    assert found.pop("time").endswith("Z")
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
            "gone": 0,
            "failed": 0,
            "skipped": 0,
        },
        "guests": [
            {
                "uuid": GUEST,
                "name": "instance-0",
                "vcpus": 4,
                "mask": "1-3",
                "mask_source": "metadata",
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
    }


def test_an_interrupt_without_an_effective_file_says_null(scene: Scene) -> None:
    for number in (50, 51):
        (scene.host.proc / f"irq/{number}/effective_affinity_list").unlink()
    scene.add_guest(VF1)
    assert [(row["verdict"], row["effective"]) for row in document(scene.audit())["irqs"]] == [("set", None)] * 2
