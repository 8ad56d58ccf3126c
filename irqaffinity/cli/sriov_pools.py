# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity sriov pools`."""

import argparse
from datetime import datetime, timezone

from irqaffinity.cli.form import say_report
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.cli.session import Session, explained
from irqaffinity.report.pools import describe_pools, render_pools
from irqaffinity.sriov.pool_look import look_at_pools

_MISSING = {
    True: "no device of this host matches [pci] device_spec",
    False: "this host has no device that can have virtual functions (SR-IOV), and no [pci] device_spec names others",
}


def run(arguments: argparse.Namespace) -> int:
    """Print the pools of PCI devices as Nova counts them; it needs no agent, and writes nothing. Return 0."""
    session, now = Session.open(arguments), datetime.now(timezone.utc)
    specs = session.settings.policy.device_specs
    with explained():
        pools, notes = look_at_pools(session.root, session.hypervisor, specs)
    document = describe_pools(pools, notes, session.settings.host, now)
    missing = _MISSING[bool(specs)]
    say_report(arguments, document, "pools", lambda: render_pools(document, missing, look_at_screen(arguments)))
    return 0
