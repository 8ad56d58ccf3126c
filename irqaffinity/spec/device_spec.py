# SPDX-License-Identifier: Apache-2.0
"""The grammar of `[pci] device_spec`, and whether a device matches: both as Nova's option of that name.

The source of the rules is nova/pci/devspec.py; what differs on purpose: PCI domains above FFFF are accepted, for the
kernel has them (Intel VMD).
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean

_FIELDS = ("domain", "bus", "slot", "function")
_HIGHEST = {"domain": 0xFFFFFFFF, "bus": 0xFF, "slot": 0x1F, "function": 0x7, "vendor_id": 0xFFFF, "product_id": 0xFFFF}
_WIDTH = {"domain": 4, "bus": 2, "slot": 2, "function": 1, "vendor_id": 4, "product_id": 4}
_HEX_NUMBER = re.compile(r"(0[xX])?[0-9a-fA-F]{1,16}")
_WILD = "*"
_KNOWN = frozenset({"vendor_id", "product_id", "devname", "address"})

Tags = Mapping[str, str | None]


class DeviceSpecError(ValueError):
    """A device_spec that Nova would refuse; str() names the part and what is allowed."""


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """One expression a field, each matched at the start of the field's lower-case hexadecimal digits.

    `literal` is the one address that the pattern spells out as sysfs writes it, if it does: an SR-IOV physical function
    named so takes in its virtual functions.
    """

    expressions: tuple[re.Pattern[str], ...]
    literal: str | None

    def matches(self, address: PciAddress) -> bool:
        """Tell whether all four fields of `address` match."""
        fields = zip(_FIELDS, address, strict=True)
        return all(
            expression.match(f"{value:0{_WIDTH[name]}x}")
            for expression, (name, value) in zip(self.expressions, fields, strict=True)
        )


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """One device_spec. None in a field means any; `tags` are the keys that do not affect the match."""

    vendor: str | None = None
    product: str | None = None
    netdev: str | None = None
    address: AddressPattern | None = None
    tags: Tags = field(default_factory=dict)

    def matches(self, device: Device) -> bool:
        """Tell whether `device` is included: itself, or as a virtual function of the one that is named."""
        if self.vendor not in (None, device.vendor) or self.product not in (None, device.product):
            return False
        if self.netdev is not None:
            return self.netdev in device.netdevs + device.parent_netdevs
        if self.address is None or self.address.matches(device.address):
            return True
        return device.parent is not None and self.address.literal == str(device.parent)


def first_match(specs: Iterable[DeviceSpec], device: Device) -> DeviceSpec | None:
    """Return the first of `specs` that matches, as Nova does, or None."""
    return next((spec for spec in specs if spec.matches(device)), None)


def parse_device_spec(text: str) -> tuple[DeviceSpec, ...]:
    """Return the specs of one device_spec value: a JSON object, or a list of them; raise DeviceSpecError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeviceSpecError(f"{clean(text)} is not JSON: {clean(str(error))}") from error
    if value == []:
        raise DeviceSpecError("an empty list names no device; without any device_spec all devices are meant")
    return tuple(_parse_object(item) for item in (value if isinstance(value, list) else [value]))


def _parse_object(value: object) -> DeviceSpec:
    if not isinstance(value, dict):
        raise DeviceSpecError(f'{_shown(value)} is not a JSON object such as {{"address": "0000:81:00.0"}}')
    texts = {key: _text(key, item) for key, item in value.items() if not (key == "address" and isinstance(item, dict))}
    vendor, product = (_hex(key, texts.pop(key, _WILD) or "") for key in ("vendor_id", "product_id"))
    netdev = texts.pop("devname", None) or None
    texts.pop("address", None)
    address = value.get("address") or None
    if address and netdev:
        raise DeviceSpecError('"devname" and "address" exclude each other; keep one')
    pattern = None
    if isinstance(address, dict):
        pattern = _parse_expressions(address)
    elif isinstance(address, str):
        pattern = _parse_glob(address)
    tags = {clean(key): item if item is None else clean(item) for key, item in texts.items()}
    return DeviceSpec(vendor=vendor, product=product, netdev=netdev, address=pattern, tags=tags)


def _text(key: str, item: object) -> str | None:
    """Return a value that has to be a string; a tag may be null too (Nova: a tunnelled physical_network)."""
    if isinstance(item, str) or (item is None and key not in _KNOWN):
        return item
    raise DeviceSpecError(f'"{clean(key)}" has to be a string, and {_shown(item)} is none')


def _parse_glob(text: str) -> AddressPattern:
    """Read `domain:bus:slot.function`, from the right: what is left off or `*` means any."""
    front, _, function = text.partition(".")
    parts = front.split(":")
    if len(parts) > len(_FIELDS) - 1:
        raise DeviceSpecError(f'"address" {_shown(text)} has more parts than domain:bus:slot.function')
    parts = [""] * (len(_FIELDS) - 1 - len(parts)) + parts + [function]
    digits = [_hex(name, part.strip() or _WILD) for name, part in zip(_FIELDS, parts, strict=True)]
    expressions = tuple(re.compile("" if part is None else rf"{part}\Z") for part in digits)
    literal = None if None in digits else "{}:{}:{}.{}".format(*digits)
    return AddressPattern(expressions, literal)


def _parse_expressions(address: Mapping[str, object]) -> AddressPattern:
    """Read one regular expression a field; a field that is missing means any."""
    texts = [_text("address", address.get(name, ".*")) or "" for name in _FIELDS]
    try:
        expressions = tuple(re.compile(text) for text in texts)
    except (re.error, OverflowError, RecursionError) as error:
        raise DeviceSpecError(f'"address" {_shown(address)}: {error}') from error
    return AddressPattern(expressions, literal="{}:{}:{}.{}".format(*texts))


def _hex(name: str, text: str) -> str | None:
    """Return `text` as sysfs writes this field, or None when it is `*`."""
    if text.strip() == _WILD:
        return None
    if not _HEX_NUMBER.fullmatch(text.strip()):
        raise DeviceSpecError(f'"{name}" {_shown(text)} is not a hexadecimal number')
    number = int(text, 16)
    if number > _HIGHEST[name]:
        raise DeviceSpecError(f'"{name}" {_shown(text)} is above {_HIGHEST[name]:X}')
    return f"{number:0{_WIDTH[name]}x}"


def _shown(value: object) -> str:
    return clean(json.dumps(value, ensure_ascii=False))
