# SPDX-License-Identifier: Apache-2.0
"""The fields that a document has to have for a page; see model/shape. Newer programs may add fields."""

from typing import Any

from irqaffinity.model.hold_shape import HOLDS
from irqaffinity.model.isolation_shape import FIELDS

_TEXT = (str, None)

_GUEST = {
    "uuid": str,
    "name": str,
    "vcpus": (int, None),
    "mask": _TEXT,
    "mask_source": str,
    "vcpu_pins?": ({...: str}, None),
    "irq_vcpus": _TEXT,
    "irq_pcpus": _TEXT,
    "status": str,
    "reason": _TEXT,
    "message": _TEXT,
    "left_out?": [{"element": str, "reason": str, "message": str}],
}

_DEVICE = {
    "address": str,
    "guest": _TEXT,
    "numa_node": (int, None),
    "driver": _TEXT,
    "target": _TEXT,
    "reason": _TEXT,
    "message": _TEXT,
}

_IRQ = {
    "irq": int,
    "device": str,
    "guest": _TEXT,
    "current": _TEXT,
    "target": _TEXT,
    "effective": _TEXT,
    "verdict": str,
    "reason": _TEXT,
    "message": _TEXT,
}

_NODE = {
    "node": (int, None),
    "cpus": str,
    "offline": _TEXT,
    "isolated": _TEXT,
    "sockets": {...: str},
    "cores": [str],
}

_ARRIVALS = {
    "seconds": float,
    "devices": [{"address": str, "rate": (float, None), "arrived": {...: int}, "outside": (float, None)}],
    "cpus": [
        {
            "cpu": int,
            "rate": float,
            "foreign": (float, None),
            "foreign_irqs": [{"irq": int, "name": str, "guest": _TEXT, "rate": float}],
        }
    ],
}

DOCUMENT: Any = (
    FIELDS
    | HOLDS
    | {
        "schema": int,
        "host": str,
        "time": str,
        "dry_run": bool,
        "host_facts": {"posted_interrupts": bool, "msi_source": str},
        "state_unsaved?": _TEXT,
        "rivals?": [str],
        "only?": [str],
        "pass_error?": _TEXT,
        "nodes?": [_NODE],
        "guests": [_GUEST],
        "devices": [_DEVICE],
        "irqs": [_IRQ],
        "arrivals?": (_ARRIVALS, None),
    }
)
