# SPDX-License-Identifier: Apache-2.0
"""The address of a PCI function."""

import functools
import re
from typing import NamedTuple

_ADDRESS = re.compile(r"([0-9a-f]{4,8}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])", re.IGNORECASE)


class PciAddress(NamedTuple):
    """Domain, bus, slot and function; ordered as sysfs lists them.

    Domains can have more than four digits: Intel VMD puts its devices at 10000 and above.
    """

    domain: int
    bus: int
    slot: int
    function: int

    @classmethod
    def parse(cls, text: str) -> "PciAddress":
        """Return the address written as in sysfs, `0000:81:00.2`; raise ValueError for anything else."""
        match = _ADDRESS.fullmatch(text)
        if match is None:
            raise ValueError(f"{text[:40]!r} is not a PCI address such as 0000:81:00.2")
        return cls(*(int(part, 16) for part in match.groups()))

    @classmethod
    def checked(cls, domain: int, bus: int, slot: int, function: int) -> "PciAddress":
        """Return the address of these parts; raise ValueError where one is out of its range."""
        if not (0 <= domain <= 0xFFFFFFFF and 0 <= bus <= 0xFF and 0 <= slot <= 0x1F and 0 <= function <= 7):
            raise ValueError(f"domain {domain:#x} bus {bus:#x} slot {slot:#x} function {function:#x} is no PCI address")
        return cls(domain, bus, slot, function)

    def __str__(self) -> str:
        return _format(self)


@functools.lru_cache(maxsize=4096)
def _format(address: PciAddress) -> str:
    domain, bus, slot, function = address
    return "-" if domain < 0 else f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


NO_DEVICE = PciAddress(-1, 0, 0, 0)
"""Stands for the device of an interrupt of the host that belongs to no PCI device. It sorts first."""
