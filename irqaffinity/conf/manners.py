# SPDX-License-Identifier: Apache-2.0
"""Option types for how kinds of devices are placed: by what the host serves them with, and by the tags of device_spec.

They raise ValueRefused, as those in conf/types.
"""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

from oslo_config import types

from irqaffinity.conf.mistakes import ValueRefused, is_slip
from irqaffinity.grammar.device_spec import DeviceSpecError, keep_tags
from irqaffinity.plan.policy import Distribution, HostDriver, HostDrivers, Numa, Profile, Serve

_Word = TypeVar("_Word", bound=Enum)

_PAIRS = "skip, emulator or vcpu, nor pairs such as macvtap:emulator,vdpa:vcpu"
_SAMPLE = '{"physical_network": "sriov-a", "distribution": "spread"}'
_NO_TAGS = ("vendor_id", "product_id", "address", "devname")
_SETTINGS: Mapping[str, type[Enum]] = {"distribution": Distribution, "numa": Numa, "serve": Serve}


class KindsOfDriver(types.ConfigType):
    """One word of HostDriver for both kinds of devices, or pairs KIND:WORD."""

    def __init__(self) -> None:
        super().__init__(type_name="word or pairs value")

    def __call__(self, value: Any) -> HostDrivers:
        """Return what serves each kind; raise ValueRefused."""
        if isinstance(value, HostDrivers):
            return value
        pairs = [[part.strip() for part in pair.split(":")] for pair in str(value).split(",")]
        if len(pairs) == len(pairs[0]) == 1:
            return HostDrivers.both(_word(pairs[0][0]))
        found: dict[str, HostDriver] = {}
        for pair in pairs:
            if len(pair) != 2 or pair[0] not in HostDrivers._fields:
                raise ValueRefused(f"it is not {_PAIRS}")
            if pair[0] in found:
                raise ValueRefused(f"it names {pair[0]} twice: name each kind once")
            found[pair[0]] = _word(pair[1])
        return HostDrivers(**found)

    def __repr__(self) -> str:
        return "KindsOfDriver"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KindsOfDriver)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)


def _word(text: str) -> HostDriver:
    try:
        return HostDriver(text)
    except ValueError:
        raise ValueRefused(f"it is not {_PAIRS}") from None


class PlacementProfile(types.ConfigType):
    """A JSON object with tags of device_spec, and what is meant for devices that have them."""

    def __init__(self) -> None:
        super().__init__(type_name="JSON value")

    def __call__(self, value: Any) -> Profile:
        """Return the profile; raise ValueRefused."""
        found = _object(str(value))
        for name in found:
            meant = next((setting for setting in _SETTINGS if name != setting and is_slip(name, setting)), None)
            if meant is not None:
                raise ValueRefused(f'it has a name that is nearly "{meant}": mend it')
            if name in _NO_TAGS:
                raise ValueRefused(f'"{name}" is no tag: name the device in [pci] device_spec, and its tags here')
        tags = {name: item for name, item in found.items() if name not in _SETTINGS}
        if not tags:
            raise ValueRefused(f"it has no tag of [pci] device_spec: write one such as {_SAMPLE}")
        if len(tags) == len(found):
            raise ValueRefused(f"it has none of distribution, numa and serve: write one such as {_SAMPLE}")
        try:
            kept = keep_tags(tags)
        except DeviceSpecError as error:
            raise ValueRefused(str(error)) from None
        return Profile(
            kept,
            _choose(Distribution, "distribution", found),
            _choose(Numa, "numa", found),
            _choose(Serve, "serve", found),
        )

    def __repr__(self) -> str:
        return "PlacementProfile"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PlacementProfile)

    __hash__ = object.__hash__

    def _formatter(self, value: Any) -> str:
        return str(value)


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ValueRefused(f"it is not JSON, beginning with its character {error.pos + 1}") from None
    except RecursionError:
        raise ValueRefused("it has lists too deep to be read") from None
    if not isinstance(found, dict):
        raise ValueRefused(f"it is not a JSON object such as {_SAMPLE}")
    return found


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """Return an object; JSON would take the last of two values for one name without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueRefused("it has one name twice: name each once")
    return found


def _choose(words: type[_Word], name: str, found: Mapping[str, Any]) -> _Word | None:
    if name not in found:
        return None
    try:
        return words(found[name])
    except ValueError:
        raise ValueRefused(f'"{name}" is not one of {", ".join(word.value for word in words)}') from None
