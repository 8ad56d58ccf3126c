# SPDX-License-Identifier: Apache-2.0
"""The grammar of `[sriov] pf`: what a physical function and its virtual functions shall be, as a JSON object."""

import json
import re
from collections.abc import Mapping
from typing import Any

from irqaffinity.model.declared import DeclaredPf
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import LinkState, VfSettings
from irqaffinity.model.text import clean

_EXAMPLE = '{"devname": "ens1f0", "numvfs": 8}'
_KEYS = ("devname", "address", "numvfs", "physical_network", "vf", "vfs", "autoprobe")
_MOST_VFS = 65535
"""The field TotalVFs of the SR-IOV capability has 16 bits (PCI Express Base Specification, SR-IOV)."""

_LARGEST_RATE = 0xFFFFFFFF
_NUMBERS = {"vlan": 4094, "qos": 7, "min_tx_rate": _LARGEST_RATE, "max_tx_rate": _LARGEST_RATE}
_SWITCHES = ("spoofchk", "trust")
_SETTINGS = ("spoofchk", "trust", "link_state", "max_tx_rate", "min_tx_rate", "vlan", "qos")
_NETDEV = re.compile(r"[^\s/:]{1,15}")
"""The names that the kernel gives to netdevs (dev_valid_name), which also refuses `.` and `..`."""


class DeclaredPfError(ValueError):
    """A value that declares no physical function; str() names the part and what is allowed, and repeats nothing of it.

    Everybody who reads the log sees it, and a text in the wrong place of a configuration may be a password.
    """


def parse_declared_pf(text: str) -> DeclaredPf:
    """Return what one value of `[sriov] pf` declares; raise DeclaredPfError."""
    found = _object("it", _load(text), _KEYS)
    netdev, address = _which(found)
    num_vfs = _number("numvfs", found["numvfs"], _MOST_VFS) if "numvfs" in found else None
    settings = _settings('"vf"', found.get("vf", {}))
    of_vf = _of_vf(found.get("vfs", {}), num_vfs)
    declared = DeclaredPf(
        netdev,
        address,
        num_vfs,
        _switch("autoprobe", found["autoprobe"]) if "autoprobe" in found else None,
        _network(found["physical_network"]) if "physical_network" in found else None,
        settings,
        of_vf,
    )
    _check('"vf"', settings)
    for index in of_vf:
        _check(f'"{index}" of "vfs", with what "vf" adds,', declared.wanted(index))
    return declared


def _load(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise DeclaredPfError(f"it is not JSON, beginning with its character {error.pos + 1}") from None
    except DeclaredPfError:
        raise
    except (ValueError, RecursionError):
        raise DeclaredPfError("it has a number too long or objects too deep to be read") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse one that has a key twice, for only one of the two values could count."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DeclaredPfError("an object has the same key twice; keep one of the two")
    return found


def _object(where: str, value: object, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DeclaredPfError(f"{where} is not a JSON object such as {_EXAMPLE if keys is _KEYS else '{}'}")
    if "mac" in value:
        raise DeclaredPfError('"mac" cannot be declared: Nova and Neutron give each virtual function its address')
    if value.keys() - set(keys):
        raise DeclaredPfError(f"{where} has a key that is none of {', '.join(keys)}")
    return value


def _which(found: Mapping[str, Any]) -> tuple[str | None, PciAddress | None]:
    """Return the netdev or the address, whichever names the physical function."""
    if ("devname" in found) == ("address" in found):
        what = 'it has both "devname" and "address"' if "devname" in found else 'it has no "devname" and no "address"'
        raise DeclaredPfError(f"{what}; name the physical function by one of the two")
    if "devname" in found:
        netdev = found["devname"]
        if not isinstance(netdev, str) or not _NETDEV.fullmatch(netdev) or netdev in (".", ".."):
            raise DeclaredPfError('"devname" is not the name of a netdev such as ens1f0')
        if not netdev.isprintable():
            raise DeclaredPfError('"devname" has characters that cannot be printed; use "address"')
        return netdev, None
    try:
        return None, PciAddress.parse(found["address"])
    except (TypeError, ValueError):
        raise DeclaredPfError('"address" is not a PCI address such as 0000:81:00.0') from None


def _network(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or clean(value) != value:
        raise DeclaredPfError('"physical_network" is not the name of a physical network of Neutron')
    return value


def _of_vf(value: object, num_vfs: int | None) -> dict[int, VfSettings]:
    if not isinstance(value, dict):
        raise DeclaredPfError('"vfs" is not a JSON object such as {"3": {"trust": true}}')
    found = {}
    for key, settings in value.items():
        if not re.fullmatch(r"0|[1-9][0-9]{0,4}", key, re.ASCII):
            raise DeclaredPfError('"vfs" has a key that is no number of a virtual function, such as "3"')
        if num_vfs is not None and int(key) >= num_vfs:
            most = f"they are 0 to {num_vfs - 1}" if num_vfs else "it has none"
            raise DeclaredPfError(f'"vfs" has {key}, and with "numvfs" {num_vfs} {most}')
        found[int(key)] = _settings(f'"{key}" of "vfs"', settings)
    return found


def _settings(where: str, value: object) -> VfSettings:
    found = _object(where, value, _SETTINGS)
    values: dict[str, Any] = {
        name: _number(name, found[name], most) for name, most in _NUMBERS.items() if name in found
    }
    values |= {name: _switch(name, found[name]) for name in _SWITCHES if name in found}
    return VfSettings(**values, link_state=_link_state(found["link_state"]) if "link_state" in found else None)


def _check(where: str, settings: VfSettings) -> None:
    """Refuse settings that do not go together; 0 as the greatest rate is no limit."""
    if settings.qos is not None and settings.vlan is None:
        raise DeclaredPfError(f'{where} has "qos" without "vlan"; the two are set together')
    least, most = settings.min_tx_rate or 0, settings.max_tx_rate or 0
    if most and least > most:
        raise DeclaredPfError(f'{where} has a "min_tx_rate" above its "max_tx_rate"; 0 is no limit')


def _number(name: str, value: object, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise DeclaredPfError(f'"{name}" is not a whole number between 0 and {most}')
    return value


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise DeclaredPfError(f'"{name}" is not true or false')
    return value


def _link_state(value: object) -> LinkState:
    for state in LinkState:
        if value == state.value:
            return state
    raise DeclaredPfError(f'"link_state" is not one of {", ".join(state.value for state in LinkState)}')
