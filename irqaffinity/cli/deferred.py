# SPDX-License-Identifier: Apache-2.0
"""`irqaffinity deferred`."""

import argparse
import logging
import os
from collections.abc import Mapping
from typing import Any

from irqaffinity.cli.form import say_report
from irqaffinity.cli.main import CommandError
from irqaffinity.cli.place import find_place
from irqaffinity.cli.screen import look_at_screen
from irqaffinity.hypervisor.connection import Hypervisor, LibvirtUnreachable
from irqaffinity.model.guest import HOST
from irqaffinity.model.hold import Deferred
from irqaffinity.model.irq import IrqId
from irqaffinity.model.record import State
from irqaffinity.model.text import clean
from irqaffinity.observe.moment import read_moment
from irqaffinity.plan.hold import in_force, seconds_left
from irqaffinity.report.deferred import describe_deferred, render_deferred
from irqaffinity.report.document import SCHEMA
from irqaffinity.report.holds import describe_holds
from irqaffinity.report.times import show_time
from irqaffinity.state.folder import StateError, StateFolder
from irqaffinity.state.peek import peek

LOG = logging.getLogger(__name__)

_REMEDY = "run it as the agent's user, or name the folder with --state"


def run(arguments: argparse.Namespace) -> int:
    """Print the holds in force and what waits for their end; it needs no agent, and delays none. Return 0.

    libvirt is asked for the names of guests alone, and need not answer.
    """
    place = find_place(arguments)
    moment = read_moment(place.root)
    state = _read(StateFolder(place.state_path, remedy=_REMEDY), moment.boot_id)
    holds = in_force(state.holds, *moment)
    left = {hold.id: seconds_left(hold, *moment) for hold in holds}
    hypervisor = None if place.libvirt_uri is None else Hypervisor(place.libvirt_uri)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "host": place.host,
        "time": show_time(moment.now),
        "holds": describe_holds(holds),
        "deferred": describe_deferred(state.deferred, name_guests(hypervisor, state.deferred)),
    }

    def table() -> str:
        return render_deferred(document["holds"], document["deferred"], left, look_at_screen(arguments))

    say_report(arguments, document, "deferred", table)
    return 0


def name_guests(hypervisor: Hypervisor | None, deferred: Mapping[IrqId, Deferred]) -> Mapping[str, str]:
    """Return the names of the guests whose interrupts wait, by uuid, as far as libvirt tells them."""
    if hypervisor is None or all(row.guest == HOST for row in deferred.values()):
        return {}
    try:
        return {uuid: clean(name) for uuid, name in hypervisor.names().items()}
    except LibvirtUnreachable:
        return {}


def _read(folder: StateFolder, boot_id: str) -> State:
    """Return the state, empty where there is none; raise CommandError where it cannot be read."""
    if not os.path.lexists(folder.path):
        LOG.warning("there is no folder %s: nothing was held or moved there yet", folder.path)
        return State()
    try:
        return peek(folder, boot_id)
    except StateError as error:
        raise CommandError(str(error)) from error
