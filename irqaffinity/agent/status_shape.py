# SPDX-License-Identifier: Apache-2.0
"""What has to stand in status.json for whoever reads it: the file may be damaged, or another's.

A shape is a type, a tuple of types of which None may be one, a list of one shape for its items, or a dict of shapes by
name: `...` stands for any other name, and one that ends in `?` may be missing. What is not named may be anything.
"""

from typing import Any

_TEXT = (str, None)
_COUNTS = {...: int}

ALIVE: Any = {
    "schema": int,
    "pid": int,
    "heartbeat": float,
    "clocks_ahead?": [{"publisher": str, "seconds": int, "seen": str}],
}
"""What tells whether the agent lives; an older one has no clocks_ahead."""

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

WHOLE: Any = ALIVE | {
    "version": str,
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
}
"""What `irqaffinity status` shows; an older agent names neither the guest of a device nor the reason of one."""

_LARGEST = 1 << 62
_DEEPEST = 32


def check_shape(value: Any, shape: Any) -> None:
    """Raise ValueError, which names the part, where a status has not this shape or is nested too deep to be shown."""
    _check_depth(value, _DEEPEST)
    _check(value, shape, "it")


def _check(value: Any, shape: Any, where: str) -> None:
    if isinstance(shape, dict):
        _check_names(value, shape, where)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        for item in value:
            _check(item, shape[0], f"an item of {where}")
    elif isinstance(shape, tuple):
        if value is not None:
            _check(value, shape[0], where)
    elif not _is(value, shape):
        raise ValueError(f"{where} is not a {_NAMES[shape]}")


def _check_names(value: Any, shape: dict[Any, Any], where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not an object")
    for name, of_name in shape.items():
        if name is ...:
            for item in value.values():
                _check(item, of_name, f"an item of {where}")
        elif name.rstrip("?") in value:
            _check(value[name.rstrip("?")], of_name, f'"{name.rstrip("?")}"')
        elif not name.endswith("?"):
            raise ValueError(f'{where} has no "{name}"')


_NAMES = {int: "whole number", float: "number", str: "text"}


def _is(value: Any, kind: type) -> bool:
    """Tell whether a value is of a type that JSON has; a number has to be one that can be computed with."""
    if kind is str:
        return isinstance(value, str)
    types = int if kind is int else int | float
    return isinstance(value, types) and not isinstance(value, bool) and abs(value) < _LARGEST


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise ValueError(f"it has more than {_DEEPEST} lists and objects within each other")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, left - 1)
