# SPDX-License-Identifier: Apache-2.0
"""Sorts values as people look for them."""

import json
import re
from typing import Any

from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import printable

_DIGITS = re.compile("([0-9]{1,18})")
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def natural_key(value: Any) -> list[tuple[float, str]]:
    """Return what orders a value as people do: numbers by size, also within a text, and `instance-2` before `-10`.

    PCI addresses and uuids are hexadecimal, and are sorted as such.
    """
    if isinstance(value, int | float):
        return [(0, ""), (value, "")]
    text = show_value(value).casefold()
    try:
        return [(0, ""), *((part, "") for part in PciAddress.parse(text))]
    except ValueError:
        if _UUID.fullmatch(text):
            return [(0, text)]
    parts = _DIGITS.split(text)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]


def show_value(value: Any) -> str:
    """Return a value of a report as printable text: nothing for None, a text as it is, all else as JSON."""
    if value is None:
        return ""
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":")))
