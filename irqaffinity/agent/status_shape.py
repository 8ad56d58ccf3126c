# SPDX-License-Identifier: Apache-2.0
"""The fields that a reader of status.json requires: the file may be damaged, or not the agent's. See model/shape."""

from typing import Any

from irqaffinity.model.hold_shape import HOLDS
from irqaffinity.model.isolation_shape import FIELDS

_TEXT = (str, None)
_COUNTS = {...: int}

ALIVE: Any = {
    "schema": int,
    "pid": int,
    "heartbeat": float,
    "clocks_ahead?": [{"publisher": str, "seconds": int, "seen": str}],
}
"""The fields that show whether the agent lives; an older agent has no clocks_ahead."""

_DEVICE = {
    "address": str,
    "guest": _TEXT,
    "name?": _TEXT,
    "numa_node": (int, None),
    "irqs": str,
    "cpus": str,
    "verdicts": _COUNTS,
    "reason?": _TEXT,
    "why": str,
}

WHOLE: Any = (
    ALIVE
    | FIELDS
    | HOLDS
    | {
        "version": str,
        "updated?": str,
        "host": str,
        "started": str,
        "connections": {...: {"state": str, "peer": str, "since": str, "trouble": _TEXT}},
        "state_unsaved": _TEXT,
        "configuration?": {"time": str, "error": _TEXT},
        "rivals": [str],
        "advice": _TEXT,
        "settling": [str],
        "counters": {
            "passes": _COUNTS,
            "looks?": _COUNTS,
            "writes": _COUNTS,
            "failures?": _COUNTS,
            "drifts": int,
            "fights?": int,
            "notifications": _COUNTS,
        },
        "last_audit": {"time": _TEXT, "seconds": float, "error": _TEXT},
        "placement": {
            "summary": {"text": str},
            "guests": [{"uuid": str, "text": str, "name?": str, "status?": str}],
            "devices": [_DEVICE],
            "troubles": [{"device": str, "irq": int, "verdict": str, "message": _TEXT}],
        },
        "sriov?": {
            "apply": str,
            "drifts": [{"pf": _TEXT, "netdev": _TEXT, "vfs": _TEXT, "setting": str, "verdict": str, "message": _TEXT}],
            "message": _TEXT,
        },
        "irqbalance?": ({"pid": (int, None), "told": bool, "cpus": str, "irqs": int, "trouble": _TEXT}, None),
    }
)
"""The fields that `irqaffinity status` shows.

An older agent gives no name of a device's guest, no reason, and nothing of isolation and holds.
"""
