# SPDX-License-Identifier: Apache-2.0
"""The state as JSON: schema 1.

{"schema": 1, "boot_id": "...",
 "records": [{"device": "0000:81:00.2", "irq": 142, "owner": "<uuid>", "driver": "vfio-pci", "original": "0-31",
              "written": "21,23", "previous": null, "spread_over": null, "next_cpu": false}],
 "managed": [{"device": "0000:01:00.0", "irq": 36, "action": "nvme0q1", "verdict": "managed"}],
 "extra_specs": {"<uuid>": {"mask": "1-4,^3", "timestamp": "2026-11-20 12:00:00", "publisher": "cmp-12",
                            "arrived": "2026-11-20 12:00:01"}}}

`verdict`, `publisher` and `arrived` may be missing, as in the state of a program that did not know them.
"""

import logging
from collections import defaultdict
from typing import Any

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId, parse_guest_id
from irqaffinity.model.irq import IrqId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.record import Fixed, Record, RememberedSpecs, State
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Verdict

LOG = logging.getLogger(__name__)

SCHEMA = 1
_FIXED = {verdict.value: verdict for verdict in (Verdict.MANAGED, Verdict.IMMOVABLE)}


class BadState(Exception):
    """A state file that is not one of ours, or not whole."""


class NewerState(Exception):
    """A state file of a newer program."""


def encode(state: State, boot_id: str) -> dict[str, Any]:
    """Return `state` as it stands in the file."""
    return {
        "schema": SCHEMA,
        "boot_id": boot_id,
        "records": [
            {
                "device": str(device),
                "irq": number,
                "owner": record.owner,
                "driver": record.driver,
                "original": _text(record.original),
                "written": str(record.written),
                "previous": _text(record.previous),
                "spread_over": _text(record.spread_over),
                "next_cpu": record.next_cpu,
            }
            for device, records in sorted(state.records.items())
            for number, record in sorted(records.items())
        ],
        "managed": [
            {"device": str(irq.device), "irq": irq.number, "action": known.action, "verdict": known.verdict.value}
            for irq, known in sorted(state.fixed.items())
        ],
        "extra_specs": {
            uuid: {
                "mask": specs.mask,
                "timestamp": specs.timestamp,
                "publisher": specs.publisher,
                "arrived": specs.arrived,
            }
            for uuid, specs in sorted(state.extra_specs.items())
        },
    }


def decode(document: Any, boot_id: str) -> State:
    """Return the state in `document`, of which only the extra specs outlive a boot; raise BadState and NewerState."""
    try:
        if type(document["schema"]) is int and document["schema"] > SCHEMA:
            raise NewerState(f"its schema is {document['schema']}, and this program knows {SCHEMA}")
        if type(document["schema"]) is not int or document["schema"] != SCHEMA:
            raise BadState(f"its schema is {clean(str(document['schema']))}, and this program knows {SCHEMA}")
        extra_specs = {
            parse_guest_id(uuid): RememberedSpecs(
                _optional_text(specs["mask"]),
                clean(specs["timestamp"]),
                _optional_text(specs.get("publisher")),
                _optional_text(specs.get("arrived")),
            )
            for uuid, specs in document["extra_specs"].items()
        }
        if document["boot_id"] != boot_id:
            LOG.info("the state is of another boot: its interrupts are forgotten")
            return State(extra_specs=extra_specs)
        return State(_records(document["records"]), _fixed(document["managed"]), extra_specs)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadState(f"it is not whole: {clean(str(error))}") from error


def _records(rows: Any) -> dict[PciAddress, dict[int, Record]]:
    records: dict[PciAddress, dict[int, Record]] = defaultdict(dict)
    owners: dict[str, GuestId] = {}
    for row in rows:
        if row["owner"] not in owners:
            owners[row["owner"]] = parse_guest_id(row["owner"])
        records[PciAddress.parse(row["device"])][_number(row["irq"])] = Record(
            owner=owners[row["owner"]],
            driver=_optional_text(row["driver"]),
            original=_cpus(row["original"]),
            written=CpuSet.parse(row["written"]),
            previous=_cpus(row["previous"]),
            spread_over=_cpus(row["spread_over"]),
            next_cpu=row["next_cpu"] is True,
        )
    return dict(records)


def _fixed(rows: Any) -> dict[IrqId, Fixed]:
    """Return the interrupts that cannot be moved; without a verdict, as 0.1.0 wrote them, they are the kernel's own."""
    return {
        IrqId(PciAddress.parse(row["device"]), _number(row["irq"])): Fixed(
            clean(row["action"]), _FIXED[row.get("verdict", Verdict.MANAGED.value)]
        )
        for row in rows
    }


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not an interrupt number")
    return value


def _cpus(value: Any) -> CpuSet | None:
    return None if value is None else CpuSet.parse(value)


def _text(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)


def _optional_text(value: Any) -> str | None:
    return None if value is None else clean(value)
