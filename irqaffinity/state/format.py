# SPDX-License-Identifier: Apache-2.0
"""The state of 0.1.0, as JSON: schema 1. This program reads it once, to take it over, and never writes it.

{"schema": 1, "boot_id": "...",
 "records": [{"device": "0000:81:00.2", "irq": 142, "owner": "<uuid>", "driver": "vfio-pci", "original": "0-31",
              "written": "21,23", "previous": null, "spread_over": null, "next_cpu": false}],
 "managed": [{"device": "0000:01:00.0", "irq": 36, "action": "nvme0q1", "verdict": "managed"}],
 "extra_specs": {"<uuid>": {"mask": "1-4,^3", "timestamp": "2026-11-20 12:00:00", "publisher": "cmp-12",
                            "arrived": "2026-11-20 12:00:01"}}}

`verdict`, `publisher` and `arrived` may be missing, as in the state of a program that did not know them.
"""

import json
import logging
from collections.abc import Iterator, Mapping

from irqaffinity.model.record import State
from irqaffinity.model.text import clean
from irqaffinity.model.verdict import Verdict
from irqaffinity.state.fields import BadState, Row
from irqaffinity.state.values import fixed_in, records_in, specs_in

LOG = logging.getLogger(__name__)

SCHEMA = 1
_MISSING_IN_SPECS = {"publisher": None, "arrived": None}
_MISSING_IN_MANAGED = {"verdict": Verdict.MANAGED.value}
"""Programs before 0.1.0 wrote no verdict; then the kernel manages the interrupt."""


class NewerState(Exception):
    """A state of a newer program; str() names its schema and the one that this program knows."""


def decode(data: bytes, boot_id: str) -> State:
    """Return the state in `data`, only its extra specs if it is of another boot; raise BadState and NewerState."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadState(f"it is not whole: {error}") from error
    document = Row("the document", found)
    schema = document.value("schema")
    if type(schema) is int and schema > SCHEMA:
        raise NewerState(f"its schema is {clean(str(schema))}, and this program knows {SCHEMA}")
    if type(schema) is not int or schema != SCHEMA:
        raise document.wrong("schema", f"is not {SCHEMA}")
    extra_specs = {row.guest("uuid"): specs_in(row) for row in _specs_rows(document)}
    if document.text("boot_id") != boot_id:
        LOG.info("the state is of another boot: its interrupts are forgotten")
        return State(extra_specs=extra_specs)
    fixed = dict(fixed_in(row) for row in _rows(document, "managed", _MISSING_IN_MANAGED))
    return State(records_in(_rows(document, "records", {})), fixed, extra_specs)


def _specs_rows(document: Row) -> Iterator[Row]:
    found = document.value("extra_specs")
    if not isinstance(found, dict):
        raise document.wrong("extra_specs", "is not an object")
    for uuid, values in found.items():
        yield Row("extra_specs", values).completed(_MISSING_IN_SPECS, {"uuid": uuid})


def _rows(document: Row, field: str, missing: Mapping[str, object]) -> Iterator[Row]:
    found = document.value(field)
    if not isinstance(found, list):
        raise document.wrong(field, "is not a list")
    for values in found:
        yield Row(field, values).completed(missing)
