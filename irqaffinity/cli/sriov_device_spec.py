# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov device-spec`."""

import argparse
import logging

from irqaffinity.cli.main import CommandError
from irqaffinity.cli.output import say
from irqaffinity.cli.session import Session, explained
from irqaffinity.cli.sriov import choose_physical
from irqaffinity.model.sriov import PhysicalFunction
from irqaffinity.observe.sriov import read_physical_functions
from irqaffinity.sriov.pools import NOVAS_DOMAINS, is_novas
from irqaffinity.sriov.spec_lines import lines_by_device, lines_by_function

LOG = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Print lines for nova.conf that name the virtual functions of one device. Return 0."""
    session = Session.open(arguments)
    with explained():
        found = read_physical_functions(session.root)
    physical = _choose(found, arguments.pf)
    network = arguments.physical_network or _declared_network(session, physical)
    tags = {} if network is None else {"physical_network": network}
    if arguments.trusted:
        tags["trusted"] = "true"
    if physical.netdev is not None and network is None:
        LOG.warning("no port of Neutron's gets these without a physical network: name it with --physical-network")
    say("\n".join((lines_by_device if arguments.by_pf else lines_by_function)(physical, tags)))
    return 0


def _declared_network(session: Session, physical: PhysicalFunction) -> str | None:
    """Return the physical network that `[sriov] pf` declares for the device, None where it declares none."""
    wishes = (wish for wish in session.settings.sriov.declared if wish.names(physical))
    return next((wish.physical_network for wish in wishes), None)


def _choose(found: list[PhysicalFunction], name: str) -> PhysicalFunction:
    chosen = choose_physical(found, [name])
    physical = chosen[0]
    if len(chosen) > 1:
        raise CommandError(f"more than one device is meant: name one of {', '.join(str(pf.address) for pf in chosen)}")
    if physical.trouble is not None:
        raise CommandError(f"{physical.address} cannot be read: {physical.trouble}")
    if not physical.vfs:
        remedy = "make some first (sriov_numvfs, or [sriov] pf and irqaffinity sriov apply)"
        raise CommandError(f"{physical.netdev or physical.address} has no virtual functions: {remedy}")
    if not is_novas(physical.address):
        raise CommandError(
            f"{physical.address}: Nova takes no device of a PCI domain above {NOVAS_DOMAINS:X}, and nova-compute does "
            "not start with a line that names one; put no line for it into nova.conf"
        )
    return physical
