# SPDX-License-Identifier: Apache-2.0
"""The document of `irqaffinity sriov`, and its rows for a spreadsheet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, Use, UseKind, VfSettings
from irqaffinity.model.text import merge_numbers
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.times import show_time

_UNTOLD = VfSettings()


def describe_inventory(inventory: Inventory, host: str, time: datetime) -> dict[str, Any]:
    """Return the document of all physical functions and their virtual ones."""
    return {
        "schema": SCHEMA,
        "host": host,
        "time": show_time(time),
        "pfs": [_describe_physical(physical) for physical in inventory.pfs],
        "notes": list(inventory.notes),
    }


def flatten(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each virtual function of a document, with its physical one and its user."""
    return [
        {
            "pf": physical["address"],
            "pf_netdev": physical["netdev"],
            **{key: value for key, value in function.items() if key != "used_by"},
            **(function["used_by"] or {}),
        }
        for physical in document["pfs"]
        for function in physical["vfs"]
    ]


def _describe_physical(physical: PhysicalFunction) -> dict[str, Any]:
    return {
        "address": str(physical.address),
        "netdev": physical.netdev,
        "driver": physical.driver,
        "numa_node": physical.numa_node,
        "vendor": physical.vendor or None,
        "product": physical.product or None,
        "total_vfs": physical.total_vfs,
        "num_vfs": physical.num_vfs,
        "autoprobe": physical.autoprobe,
        "link": physical.link,
        "speed": physical.speed,
        **_describe_use(physical.use),
        "device_spec": physical.spec,
        "tags": dict(physical.tags),
        "reason": physical.trouble,
        "vfs": [_describe_virtual(function) for function in physical.vfs],
    }


def _describe_virtual(function: Function) -> dict[str, Any]:
    settings = function.settings or _UNTOLD
    return {
        "index": function.index,
        "address": str(function.address),
        "driver": function.driver,
        "netdev": function.netdev,
        **settings._asdict(),
        "link_state": None if settings.link_state is None else settings.link_state.value,
        **_describe_use(function.use),
        "irqs": merge_numbers(function.irqs),
        "cpus": None if function.cpus is None else str(function.cpus),
        "device_spec": function.spec,
        "tags": dict(function.tags),
        "vendor": function.vendor or None,
        "product": function.product or None,
        "numa_node": function.numa_node,
        "reason": function.trouble,
    }


def _describe_use(use: Use | None) -> dict[str, Any]:
    """Return whether a function is used, null where that is not known, and by whom."""
    if use is None:
        return {"used": False, "used_by": None}
    is_used = None if use.kind is UseKind.UNKNOWN else True
    return {"used": is_used, "used_by": {**use._asdict(), "kind": use.kind.value}}
