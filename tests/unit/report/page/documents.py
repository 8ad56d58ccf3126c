# SPDX-License-Identifier: Apache-2.0
"""Documents that pages are made of."""

import copy
from typing import Any

GUEST = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"
VF0, VF1 = "0000:41:00.1", "0000:81:00.1"

NODES = [
    {
        "node": node,
        "cpus": f"{8 * node}-{8 * node + 7}",
        "offline": "7" if node == 0 else "",
        "isolated": "2-6" if node == 0 else "",
        "sockets": {str(node): f"{8 * node}-{8 * node + 7}"},
        "cores": ["0-1", "2-3", "4-5", "6"] if node == 0 else ["8,10", "9,11", "12-13", "14-15"],
    }
    for node in range(2)
]

ARRIVALS = {
    "seconds": 2.0,
    "devices": [
        {"address": VF0, "rate": 1200.5, "arrived": {"3": 2000, "4": 401}, "outside": 0.0},
        {"address": VF1, "rate": 5.0, "arrived": {"12": 9, "5": 1}, "outside": 0.1},
    ],
    "cpus": [
        {"cpu": 3, "rate": 1000.0, "foreign": 0.0, "foreign_irqs": []},
        {
            "cpu": 5,
            "rate": 30.5,
            "foreign": 30.5,
            "foreign_irqs": [{"irq": 36, "name": "nvme0q4", "guest": None, "rate": 30.0}],
        },
    ],
}


def make_guest(uuid: str = GUEST, **changed: Any) -> dict[str, Any]:
    """Return a guest with a vCPU on each of CPUs 3, 4, 5 and 12; all but the third may serve."""
    return {
        "uuid": uuid,
        "name": "instance-0000000a",
        "vcpus": 4,
        "mask": "^2",
        "mask_source": "metadata",
        "vcpu_pins": {"0": "3", "1": "4", "2": "5", "3": "12"},
        "irq_vcpus": "0-1,3",
        "irq_pcpus": "3-4,12",
        "status": "placed",
        "reason": None,
        "message": None,
        "left_out": [],
    } | changed


def make_device(address: str = VF0, guest: str | None = GUEST, **changed: Any) -> dict[str, Any]:
    """Return a device on the node that its address tells."""
    return {
        "address": address,
        "guest": guest,
        "numa_node": 0 if address == VF0 else 1,
        "driver": "vfio-pci",
        "target": "3-4" if address == VF0 else "12",
        "tags": {},
        "reason": None,
        "message": None,
    } | changed


def make_irq(number: int, device: str = VF0, **changed: Any) -> dict[str, Any]:
    """Return an interrupt that is where it belongs."""
    target = "3-4" if device == VF0 else "12"
    return {
        "irq": number,
        "device": device,
        "guest": GUEST,
        "current": target,
        "target": target,
        "effective": target[:2].rstrip("-"),
        "verdict": "ok",
        "reason": None,
        "message": None,
    } | changed


def make_document(**changed: Any) -> dict[str, Any]:
    """Return what an audit says of a host with one guest and two devices, all in their places."""
    document = {
        "schema": 1,
        "host": "cmp-12",
        "time": "2026-11-26T03:00:00Z",
        "dry_run": True,
        "state_unsaved": None,
        "host_facts": {"posted_interrupts": False, "msi_source": "poll"},
        "summary": {},
        "nodes": NODES,
        "guests": [make_guest()],
        "devices": [make_device(VF0), make_device(VF1)],
        "irqs": [make_irq(40), make_irq(41), make_irq(50, VF1)],
    }
    return copy.deepcopy(document | changed)


def make_older() -> dict[str, Any]:
    """Return the document as irqaffinity 0.1.0 prints it."""
    document = make_document()
    del document["nodes"], document["state_unsaved"]
    for guest in document["guests"]:
        del guest["vcpu_pins"]
    return document


HOSTILE = "<script>alert(1)</script>\"'&\u202e\x1b]\ud800"


def make_intruder(number: int, name: str, cpus: str, **changed: Any) -> dict[str, Any]:
    """Return an interrupt of the host on CPUs of GUEST that can move."""
    row = {"irq": number, "name": name, "device": None, "cpus": cpus, "guests": [GUEST], "owner": None}
    return {**row, "movable": True, "arrived": None, "target": None, "verdict": None, **changed}


def make_isolation(**changed: Any) -> dict[str, Any]:
    """Return what a document has on isolation: CPUs 2-6 are kept, CPUs 0-1 and 8-9 do the host's work."""
    work = {"mode": "report", "kept": "2-6", "housekeeping": "0-1,8-9", "message": None, "default": None, "irqs": []}
    lists = {name: changed.pop(name, []) for name in ("intruders", "headroom")}
    return {**lists, "isolation": work | changed}


def make_hostile() -> dict[str, Any]:
    """Return a document in which each text that can come from outside wants to be more than that."""
    wrong = {"reason": HOSTILE, "message": HOSTILE}
    irqs = [make_irq(40, verdict=HOSTILE, **wrong), make_irq(41, verdict="denied", device=HOSTILE)]
    left = {"element": HOSTILE, "reason": HOSTILE, "message": HOSTILE}
    known = make_guest(name=HOSTILE, mask=HOSTILE, mask_source=HOSTILE, status=HOSTILE, left_out=[left], **wrong)
    arrivals = copy.deepcopy(ARRIVALS)
    arrivals["cpus"][1]["foreign_irqs"][0]["name"] = HOSTILE  # type: ignore[index]
    return make_document(
        host=HOSTILE,
        time=HOSTILE,
        state_unsaved=HOSTILE,
        rivals=[HOSTILE],
        only=[HOSTILE],
        pass_error=HOSTILE,
        guests=[known, make_guest(HOSTILE, name="")],
        devices=[make_device(driver=HOSTILE, **wrong), make_device(HOSTILE, guest=HOSTILE)],
        irqs=irqs,
        arrivals=arrivals,
        **make_isolation(
            message=HOSTILE,
            intruders=[make_intruder(9, HOSTILE, "2-6", guests=[HOSTILE, GUEST], owner=HOSTILE, verdict=HOSTILE)],
        ),
    )
