# SPDX-License-Identifier: Apache-2.0
"""The grammar of `[pci] device_spec`, and whether a device matches: both as Nova's option of that name.

The source of the rules is nova/pci/devspec.py, which reads numbers with int(text, 16): `0x0a`, `+a` and `0_a` are one
number. Three rules differ on purpose. An empty list and a `devname` that is no string are refused. PCI domains above
FFFF are accepted, for the kernel has them (Intel VMD). `remote_managed` does not take part in the match; Nova looks at
the serial number of the card for it.
"""

import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from irqaffinity.model.host import Device
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.text import clean

_FIELDS = ("domain", "bus", "slot", "function")
_HIGHEST = {"domain": 0xFFFFFFFF, "bus": 0xFF, "slot": 0x1F, "function": 0x7, "vendor_id": 0xFFFF, "product_id": 0xFFFF}
_WIDTH = {"domain": 4, "bus": 2, "slot": 2, "function": 1, "vendor_id": 4, "product_id": 4}
_WILD = "*"
_BOOLEANS = ("live_migratable", "managed", "one_time_use")
_WORDS = ("1", "t", "true", "on", "y", "yes", "0", "f", "false", "off", "n", "no")
"""The words that Nova takes for a boolean, in upper or lower case (oslo.utils, bool_from_string, strict)."""

_DEEPEST = 64
"""How many lists and objects may stand within each other in a tag: far more than mean anything."""

Tags = Mapping[str, Any]
"""Any JSON by name; text in it is on one printable line (model/text)."""


class DeviceSpecError(ValueError):
    """A device_spec that Nova would refuse; str() names the part and what is allowed, and repeats nothing of it.

    Everybody who reads the log sees it, and a text in the wrong place of a configuration may be a password.
    """


@dataclass(frozen=True, slots=True)
class AddressPattern:
    """One expression a field, each matched at the start of the field's lower-case hexadecimal digits.

    `literal` is the address, as sysfs writes it, where the pattern spells out just one. Where that is an SR-IOV
    physical function, the pattern takes in its virtual functions too.
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
        """Tell whether this spec names `device`, or the physical function that it belongs to."""
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
    except json.JSONDecodeError as error:
        raise DeviceSpecError(f"it is not JSON, beginning with its character {error.pos + 1}") from None
    except (ValueError, RecursionError):
        raise DeviceSpecError("it has a number too long or lists too deep to be read") from None
    if value == []:
        raise DeviceSpecError("an empty list names no device; leave device_spec out to include all devices")
    return tuple(_parse_object(item) for item in (value if isinstance(value, list) else [value]))


def _parse_object(value: object) -> DeviceSpec:
    if not isinstance(value, dict):
        raise DeviceSpecError('it is not a JSON object such as {"address": "0000:81:00.0"}')
    tags = dict(value)
    vendor = _hex("vendor_id", _text("vendor_id", tags.pop("vendor_id", _WILD)).strip())
    product = _hex("product_id", _text("product_id", tags.pop("product_id", _WILD)))
    netdev = _text("devname", tags.pop("devname", "")) or None
    address = tags.pop("address", None) or None
    if address and netdev:
        raise DeviceSpecError('"devname" and "address" exclude each other; keep one')
    for name in _BOOLEANS:
        _check_boolean(name, tags.get(name))
    pattern = None if address is None else _parse_address(address)
    return DeviceSpec(vendor=vendor, product=product, netdev=netdev, address=pattern, tags=keep_tags(tags))


def keep_tags(tags: Mapping[str, Any]) -> Tags:
    """Return tags as they can be shown; raise DeviceSpecError where they are too deep."""
    return {clean(name): _kept(item) for name, item in tags.items()}


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    raise DeviceSpecError(f'"{name}" has to be a string')


def _check_boolean(name: str, value: object) -> None:
    """Raise DeviceSpecError for a tag that is neither absent nor what Nova takes for a boolean: JSON's, or a word."""
    if value is not None and str(value).strip().lower() not in _WORDS:
        raise DeviceSpecError(f'"{name}" has to be true or false')


def _kept(value: Any, depth: int = 1) -> Any:
    """Return a tag as it can be shown: its text on one line, and numbers that JSON has not, such as NaN, as text."""
    if depth > _DEEPEST:
        raise DeviceSpecError(f"a tag has more than {_DEEPEST} lists and objects within each other")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_kept(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean(name): _kept(item, depth + 1) for name, item in value.items()}
    return value


def _parse_address(address: object) -> AddressPattern:
    if isinstance(address, dict):
        return _parse_expressions(address)
    return _parse_glob(_text("address", address))


def _parse_glob(text: str) -> AddressPattern:
    """Read `domain:bus:slot.function`, from the right: what is left off or `*` means any."""
    front, _, function = text.partition(".")
    parts = front.split(":")
    if len(parts) > len(_FIELDS) - 1:
        raise DeviceSpecError('"address" has more parts than domain:bus:slot.function')
    parts = [""] * (len(_FIELDS) - 1 - len(parts)) + [part.strip() for part in parts]
    parts = [part or _WILD for part in parts] + [function.strip() if function else _WILD]
    digits = [_hex(name, part) for name, part in zip(_FIELDS, parts, strict=True)]
    expressions = tuple(re.compile("" if part is None else rf"{part}\Z") for part in digits)
    literal = None if None in digits else "{}:{}:{}.{}".format(*digits)
    return AddressPattern(expressions, literal)


def _parse_expressions(address: Mapping[str, object]) -> AddressPattern:
    """Read one regular expression a field; a field that is missing means any."""
    texts = [_text(name, address.get(name, ".*")) for name in _FIELDS]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of expressions that a later Python may read otherwise
            expressions = tuple(re.compile(text) for text in texts)
    except (re.error, OverflowError, RecursionError):
        raise DeviceSpecError('"address" has a part that is not a regular expression') from None
    return AddressPattern(expressions, literal="{}:{}:{}.{}".format(*texts))


def _hex(name: str, text: str) -> str | None:
    """Return `text` as sysfs writes this field, or None when it is `*`."""
    if text == _WILD:
        return None
    try:
        number = int(text, 16)
    except ValueError:
        raise DeviceSpecError(f'"{name}" is not a hexadecimal number') from None
    if number > _HIGHEST[name]:
        raise DeviceSpecError(f'"{name}" is above {_HIGHEST[name]:X}')
    return f"{number:0{_WIDTH[name]}x}"
