# SPDX-License-Identifier: Apache-2.0
"""The fields on isolation that a reader of an audit's document or of a status requires; see model/shape."""

from typing import Any

_TEXT = (str, None)

_INTRUDER = {
    "irq": int,
    "name": str,
    "device": _TEXT,
    "cpus": str,
    "guests": [str],
    "owner": _TEXT,
    "movable": bool,
    "arrived": (int, None),
    "target": _TEXT,
    "verdict": _TEXT,
}

_MOVED = {"current": _TEXT, "target": _TEXT, "verdict": str, "message": _TEXT}

FIELDS: Any = {
    "intruders?": [_INTRUDER],
    "isolation?": {
        "mode": _TEXT,
        "kept": _TEXT,
        "housekeeping": _TEXT,
        "moved?": int,
        "message": _TEXT,
        "default": (_MOVED, None),
        "irqs": [_MOVED | {"irq": int, "name": _TEXT, "device": _TEXT, "reason": _TEXT}],
    },
    "headroom?": [{"node": (int, None), "cpu": int, "free": int, "capacity": int, "exact": bool}],
}
"""What report/isolation writes; an older program writes none of it."""
