# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov`."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from irqaffinity.cli.form import say_report, sort_as_asked
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.model.guest import GuestId
from irqaffinity.model.pci import PciAddress
from irqaffinity.model.sriov import Function, Inventory, PhysicalFunction, UseKind
from irqaffinity.model.target import UnknownTarget
from irqaffinity.model.text import clean
from irqaffinity.observe.find import find_guest
from irqaffinity.observe.root import HostRoot
from irqaffinity.passes.turns import collector_paused
from irqaffinity.report.rows import render_json, render_yaml
from irqaffinity.report.sriov import describe_inventory, flatten
from irqaffinity.report.sriov_table import render_inventory
from irqaffinity.sriov.claimants import Claimants
from irqaffinity.sriov.look import look_at_functions

Wanted = Callable[[Function | PhysicalFunction], bool]

_SHORT = re.compile(r"[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)


def run(arguments: argparse.Namespace) -> int:
    """Print the virtual functions of the host with their users; it needs no agent, and writes nothing. Return 0."""
    session, now = Session.open(arguments), datetime.now(timezone.utc)
    with explained():
        inventory, claimants = look_at_functions(session.root, session.hypervisor, session.settings.policy.device_specs)
        wanted = _read_wanted(arguments, session.root, claimants)
    if arguments.pf:
        inventory = replace(inventory, pfs=choose_physical(inventory.pfs, arguments.pf))
    shown = inventory if wanted is None else _narrow(inventory, wanted, keeps_all=bool(arguments.pf))
    with collector_paused():
        document = describe_inventory(shown, session.settings.host, now)
        _say(arguments, document, _find_missing(arguments, inventory, shown, wanted))
    return 0


def choose_physical(pfs: Sequence[PhysicalFunction], names: Sequence[str]) -> tuple[PhysicalFunction, ...]:
    """Return the physical functions with these names, full or short addresses; raise CommandError for another one."""
    chosen = set[PciAddress]()
    for name in names:
        found = _named(pfs, name)
        if not found:
            known = ", ".join(str(pf.address) if pf.netdev is None else f"{pf.netdev} ({pf.address})" for pf in pfs)
            there = f"this host has {known}" if known else "this host has none"
            raise CommandError(f"there is no device '{clean(name)}' that can have virtual functions; {there}")
        chosen.update(pf.address for pf in found)
    return tuple(pf for pf in pfs if pf.address in chosen)


def _named(pfs: Sequence[PhysicalFunction], name: str) -> list[PhysicalFunction]:
    """Return what a person named; a short address is of PCI domain 0, or else of any."""
    found = [
        pf for pf in pfs if name in (pf.netdev, *pf.other_netdevs, str(pf.address)) or name.lower() == str(pf.address)
    ]
    if found or not _SHORT.fullmatch(name):
        return found
    short = PciAddress.parse(f"0000:{name}") if _is_address(f"0000:{name}") else None
    alike = [pf for pf in pfs if short is not None and pf.address[1:] == short[1:]]
    return [pf for pf in alike if pf.address == short] or alike


def _is_address(text: str) -> bool:
    try:
        PciAddress.parse(text)
    except ValueError:
        return False
    return True


def _read_wanted(arguments: argparse.Namespace, root: HostRoot, claimants: Claimants) -> Wanted | None:
    """Return what tells whether a function is asked for, None where all are; raise UnknownTarget.

    A physical one is never asked for as free: what is sought is a virtual one.
    """
    if arguments.free:
        return lambda function: isinstance(function, Function) and function.use is None
    if arguments.used_by is None:
        return None
    if arguments.used_by in {kind.value for kind in UseKind}:
        kind = UseKind(arguments.used_by)
        return lambda function: function.use is not None and function.use.kind is kind
    guest = _find_guest(arguments.used_by, root, claimants)
    return lambda function: function.use is not None and function.use.guest == guest


def _find_guest(name: str, root: HostRoot, claimants: Claimants) -> GuestId:
    guests = {**{seen.guest.uuid: seen for seen in claimants.definitions}, **claimants.active}
    try:
        return find_guest(root, guests, name, has_defined=True)
    except UnknownTarget as error:  # while libvirt is away, nobody knows which guests there are
        raise UnknownTarget("; ".join([str(error), *claimants.gaps[:1]])) from error


def _narrow(inventory: Inventory, wanted: Wanted, *, keeps_all: bool) -> Inventory:
    """Return the inventory with the wanted virtual functions alone, and the physical ones that have any or are so."""
    pfs = [replace(pf, vfs=tuple(filter(wanted, pf.vfs))) for pf in inventory.pfs]
    return replace(inventory, pfs=tuple(pf for pf in pfs if pf.vfs or keeps_all or wanted(pf)))


def _find_missing(
    arguments: argparse.Namespace, inventory: Inventory, shown: Inventory, wanted: Wanted | None
) -> str | None:
    """Return the sentence that stands in the table where it has nothing that is asked for, None where it has."""
    if not inventory.pfs:
        return "this host has no device that can have virtual functions (SR-IOV)"
    if wanted is None or any(pf.vfs or wanted(pf) for pf in shown.pfs):
        return None
    return "no virtual function is " + ("free" if arguments.free else f"used by {clean(arguments.used_by)}")


def _say(arguments: argparse.Namespace, document: Mapping[str, Any], missing: str | None) -> None:
    if arguments.format in ("json", "yaml") and not arguments.columns:
        pfs = [{**physical, "vfs": sort_as_asked(arguments, physical["vfs"])} for physical in document["pfs"]]
        whole = {**document, "pfs": pfs}
        say(render_json(whole) if arguments.format == "json" else render_yaml(whole))
        return
    flat = {**document, "vfs": flatten(document)}
    say_report(arguments, flat, "vfs", lambda: render_inventory(document, look_at_screen(arguments), missing))
