# SPDX-License-Identifier: Apache-2.0
"""Which domains a connection to libvirt lists, and which of their descriptions is read."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import libvirt

T = TypeVar("T")

Handles = Mapping[str, tuple[str, Any]]
"""Domains by uuid: the name, and what libvirt is asked with about the domain."""


class Look(NamedTuple):
    """Domains of one sort: the flag that lists them, and what reads the XML of one (None where it has just ended)."""

    flag: int
    read: Callable[[Any], str | None]


def list_domains(flag: int, connection: Any) -> Handles:
    """Return the domains of a sort; raise libvirtError."""
    listed = connection.listAllDomains(flag)
    return {domain.UUIDString(): (domain.name(), domain) for domain in listed}


def look_up(uuid: str, connection: Any) -> Any:
    """Return one domain, None where there is none; raise libvirtError."""
    return _unless_gone(lambda: connection.lookupByUUIDString(uuid))


def read_active(domain: Any) -> str | None:
    """Return what an active domain has now, None where there is none any more; raise libvirtError."""
    return _unless_gone(lambda: str(domain.XMLDesc(0)))


def _read_definition(domain: Any) -> str | None:
    return _unless_gone(lambda: str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))


def _read_saved(domain: Any) -> str | None:
    """Return what a saved domain has when it goes on, None where it has gone on by now."""
    try:
        return _unless_gone(lambda: str(domain.managedSaveGetXMLDesc(0)))
    except libvirt.libvirtError:
        if _unless_gone(domain.hasManagedSaveImage):
            raise
        return None


ACTIVE = Look(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE, read_active)
DEFINED = Look(libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT, _read_definition)
SAVED = Look(libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE, _read_saved)


def _unless_gone(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise
