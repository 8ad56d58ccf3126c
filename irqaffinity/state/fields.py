# SPDX-License-Identifier: Apache-2.0
"""Reads values of the state through a getter for each type, which names the field that is wrong.

A value that a getter refuses is damage. Any other error over a state is a bug of the program, and costs no file.
"""

import functools
from collections.abc import Mapping
from datetime import datetime, timezone
from math import isfinite
from types import MappingProxyType

from irqaffinity.model.cpuset import CpuSet
from irqaffinity.model.guest import GuestId, parse_guest_id
from irqaffinity.model.irq import DEFAULT, IrqId
from irqaffinity.model.pci import NO_DEVICE, PciAddress
from irqaffinity.model.text import clean

_HIGHEST_IRQ = 999_999_999
"""Interrupt numbers have up to nine digits, as everywhere in this program."""

_parse_device = functools.lru_cache(maxsize=4096)(PciAddress.parse)
_parse_guest = functools.lru_cache(maxsize=4096)(parse_guest_id)
"""Every interrupt of a host names one of a few devices and guests."""

_KEYS = ("device", "irq", "uuid", "socket")

TIME = "%Y-%m-%d %H:%M:%S"
"""Times of the state are in UTC, whole seconds."""


class BadState(Exception):
    """A state that this program did not write, or that is not whole; str() names what is wrong."""


class Row:
    """The fields of one row, with the name of its table, such as `records`, for messages."""

    __slots__ = ("_name", "_values")

    def __init__(self, name: str, values: object) -> None:
        """Take any value; raise BadState where it has no fields."""
        if not isinstance(values, Mapping):
            raise BadState(f"{name}: {_show(values)} has no fields")
        self._name = name
        self._values: Mapping[str, object] = values

    def completed(self, missing: Mapping[str, object], known: Mapping[str, object] = MappingProxyType({})) -> "Row":
        """Return the row with `missing` for fields that it does not have, and with `known` over all."""
        return Row(self._name, {**missing, **self._values, **known})

    def value(self, field: str) -> object:
        """Return the value of a field, of any type."""
        try:
            return self._values[field]
        except KeyError:
            raise BadState(f"{self.where()}: {field} is missing") from None

    def text(self, field: str) -> str:
        """Return a text on one printable line."""
        return clean(self._text(field))

    def text_or_none(self, field: str) -> str | None:
        """Return a text on one printable line, or None."""
        return None if self.value(field) is None else clean(self._text(field))

    def irq(self, field: str) -> int:
        """Return an interrupt number."""
        value = self.value(field)
        if type(value) is not int or not 0 <= value <= _HIGHEST_IRQ:
            raise self.wrong(field, "is not an interrupt number")
        return value

    def irqs(self, field: str) -> list[int]:
        """Return the interrupt numbers of a list with commas."""
        texts = self._text(field).split(",")
        for text in texts:
            if not (text.isascii() and text.isdecimal() and int(text) <= _HIGHEST_IRQ):
                raise self.completed({}, {field: text}).wrong(field, "is not an interrupt number")
        return list(map(int, texts))

    def numbers(self, field: str) -> tuple[int, ...]:
        """Return the interrupt numbers of a list with commas that may be empty, in their order."""
        return tuple(self.irqs(field)) if self._text(field) else ()

    def host_irq(self) -> IrqId:
        """Return the interrupt of the host in `device` and `irq`: one without a device, and DEFAULT, too."""
        device = NO_DEVICE if self._text("device") == str(NO_DEVICE) else self.device("device")
        if device == NO_DEVICE and self.value("irq") == DEFAULT.number:
            return DEFAULT
        return IrqId(device, self.irq("irq"))

    def flag(self, field: str) -> bool:
        """Return true or false; a database writes 1 and 0."""
        value = self.value(field)
        if type(value) not in (bool, int) or value not in (0, 1):
            raise self.wrong(field, "is neither true nor false")
        return bool(value)

    def cpus(self, field: str) -> CpuSet:
        """Return a set of CPUs."""
        try:
            return CpuSet.parse(self._text(field))
        except ValueError:
            raise self.wrong(field, "is not a list of CPUs such as 0-3,8") from None

    def cpus_or_none(self, field: str) -> CpuSet | None:
        """Return a set of CPUs, or None."""
        return None if self.value(field) is None else self.cpus(field)

    def device(self, field: str) -> PciAddress:
        """Return a PCI address."""
        try:
            return _parse_device(self._text(field))
        except ValueError:
            raise self.wrong(field, "is not a PCI address such as 0000:81:00.2") from None

    def guest(self, field: str) -> GuestId:
        """Return the uuid of a guest."""
        try:
            return _parse_guest(self._text(field))
        except ValueError:
            raise self.wrong(field, "is not a uuid") from None

    def guest_or_none(self, field: str) -> GuestId | None:
        """Return the uuid of a guest, or None."""
        return None if self.value(field) is None else self.guest(field)

    def count(self, field: str) -> int:
        """Return a whole number from 1 on."""
        value = self.value(field)
        if type(value) is not int or value < 1:
            raise self.wrong(field, "is not a number from 1 on")
        return value

    def seconds(self, field: str) -> float:
        """Return seconds of a clock."""
        value = self.value(field)
        if type(value) is not float or not isfinite(value):
            raise self.wrong(field, "is not a number of seconds")
        return value

    def time(self, field: str) -> datetime:
        """Return a time in UTC."""
        try:
            return datetime.strptime(self._text(field), TIME).replace(tzinfo=timezone.utc)
        except ValueError:
            raise self.wrong(field, "is not a time such as 2026-11-20 12:00:00") from None

    def wrong(self, field: str, why: str) -> BadState:
        """Return the error for a field, which names its row and its value."""
        return BadState(f"{self.where()}: {field} {_show(self._values[field])} {why}")

    def where(self) -> str:
        """Return the name of the row, with its key."""
        keys = ("id",) if "id" in self._values else _KEYS
        key = [_show(self._values[field]) for field in keys if field in self._values]
        return f"{self._name} of {' '.join(key)}" if key else self._name

    def _text(self, field: str) -> str:
        value = self.value(field)
        if not isinstance(value, str):
            raise self.wrong(field, "is not a text")
        return value


def _show(value: object) -> str:
    """Return a value for people; of a list or an object, which may be large, only the type."""
    if isinstance(value, str):
        return clean(value) or "''"
    return clean(repr(value)) if value is None or isinstance(value, int | float) else f"({type(value).__name__})"
